internal import Glibc
internal import NIOCore
internal import Threads

/// One thread that waits for many sockets and serves each when it can go on.
///
/// `@unchecked Sendable`: all but the inbox, which is sendable by itself, is touched on the loop's own thread only.
package final class EpollLoop: @unchecked Sendable {
    private var selector: Selector
    private let inbox: LoopInbox
    private var thread: pthread_t?
    private var timers = TimerQueue()
    /// Closures for the end of the present event, when nothing of it is on the stack any more.
    private var later: [() -> Void] = []
    /// Sockets that go on without an event: reading was held, or took its share of this turn.
    private var resumed: [StreamSocket] = []
    private var isStopping = false
    private var onStop: [@Sendable () -> Void] = []
    /// When the present event began. One reading of the clock serves all that one event sets off.
    package private(set) var now = MonotonicTime.now()
    /// The buffer that sockets read into; its memory is reused as soon as the bytes that were read are released.
    var receiving = ByteBuffer()

    // MARK: - Life

    /// Starts a loop's thread.
    ///
    /// - Throws: ``SocketError`` when the system gives no descriptor or no thread.
    package static func start(named name: String) throws(SocketError) -> EpollLoop {
        let loop = try EpollLoop()
        do throws(ThreadError) { try OwnedThread.detach(named: name) { loop.run() } } catch {
            throw .system("pthread_create", error.number)
        }
        return loop
    }

    private init() throws(SocketError) {
        let inbox = try LoopInbox()
        selector = try Selector(wakeUp: inbox.wakeUp)
        self.inbox = inbox
    }

    /// Runs what was handed over, closes every socket without a word to its handler, and ends the thread. Later tasks are not taken.
    package func stop() async {
        await withCheckedContinuation { continuation in
            let isTaken = execute { [self] in
                onStop.append { continuation.resume() }
                isStopping = true
            }
            if !isTaken { continuation.resume() }
        }
    }

    // MARK: - Work from other threads

    /// Runs a closure on the loop soon. Closures keep their order.
    ///
    /// - Returns: whether it will be run: false once the loop has ended.
    @discardableResult
    package func execute(_ task: @escaping @Sendable () -> Void) -> Bool { inbox.put(task) }

    /// Runs a closure on the loop and waits for its result.
    ///
    /// - Throws: ``SocketError`` when the loop has ended.
    package func submit<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let isTaken = execute { continuation.resume(returning: body()) }
            if !isTaken {
                continuation.resume(throwing: SocketError(code: .closed, message: "the event loop has ended"))
            }
        }
    }

    package var isCurrent: Bool { thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

    package func preconditionInLoop() {
        precondition(isCurrent, "what belongs to an event loop is touched on its thread only")
    }

    // MARK: - Work on the loop

    /// Runs a closure at a time, up to a millisecond late.
    ///
    /// - Returns: what ``cancel(_:)`` wants.
    @discardableResult
    package func schedule(at time: MonotonicTime, _ body: @escaping () -> Void) -> UInt64 { timers.add(at: time, body) }

    @discardableResult
    package func schedule(after span: TimeSpan, _ body: @escaping () -> Void) -> UInt64 {
        schedule(at: .now() + span, body)
    }

    /// Cancels a timer; without effect once its time has come.
    package func cancel(_ timer: UInt64) { timers.cancel(timer) }

    /// Runs a closure when the present event is done with.
    package func soon(_ body: @escaping () -> Void) { later.append(body) }

    // MARK: - Sockets

    /// Watches a descriptor from now on.
    func watch(_ pollable: Pollable, _ interest: UInt32) throws(SocketError) {
        try selector.register(pollable, interest)
    }

    func change(_ pollable: Pollable, _ interest: UInt32) { selector.modify(pollable, interest) }

    /// Sends the events of a watched descriptor to another pollable from now on.
    func hand(_ pollable: Pollable, to heir: Pollable) { selector.transfer(pollable, to: heir) }

    /// To be called before the descriptor is closed.
    func forget(_ pollable: Pollable) { selector.deregister(pollable) }

    /// Lets a socket read again in this turn or the next.
    func resume(_ socket: StreamSocket) { resumed.append(socket) }

    // MARK: - Turns

    private func run() {
        thread = pthread_self()
        while !isStopping { turn() }
        end()
    }

    private func turn() {
        let count = selector.wait(timeout)
        if count == 0 { now = .now() }
        for index in 0..<count {
            now = .now()
            switch selector.event(index) {
            case .wakeUp: emptyInbox()
            case .ready(let pollable, let events): pollable.ready(events)
            case .stale: break
            }
            runLater()
        }
        if let next = timers.next, next <= now { runTimers() }
        if !resumed.isEmpty { serveResumed() }
    }

    /// Milliseconds until something is due, rounded up: a timer that is waited for too shortly would be waited for twice.
    private var timeout: CInt {
        if !resumed.isEmpty { return 0 }
        guard let next = timers.next else { return -1 }
        let rest = (next - .now()).nanoseconds
        return rest <= 0 ? 0 : CInt(clamping: (rest + 999_999) / 1_000_000)
    }

    private func runLater() {
        while !later.isEmpty {
            let bodies = later
            later.removeAll(keepingCapacity: true)
            for body in bodies { body() }
        }
    }

    private func emptyInbox() {
        for task in inbox.take() {
            now = .now()
            task()
            runLater()
        }
    }

    private func runTimers() {
        let due = now
        while let body = timers.takeDue(at: due) {
            now = .now()
            body()
            runLater()
        }
    }

    private func serveResumed() {
        let sockets = resumed
        resumed.removeAll(keepingCapacity: true)
        for socket in sockets {
            now = .now()
            socket.goOn()
            runLater()
        }
    }

    private func end() {
        for task in inbox.close() { task() }
        runLater()
        for pollable in selector.deregisterAll() { pollable.abandon() }
        resumed = []
        later = []
        timers.removeAll()
        for told in onStop { told() }
        onStop = []
    }
}
