internal import CLinux
internal import Glibc
internal import NIOCore
internal import Synchronization
internal import Threads

/// One thread that waits for many sockets with epoll(7) and serves each when it can go on.
///
/// Sockets are watched edge-triggered, for both directions from the start: a connection costs one `epoll_ctl`, and back-pressure none.
///
/// `@unchecked Sendable`: all but `inbox`, which is behind a lock, and the descriptors, which do not change, is touched on the loop's
/// own thread only.
package final class EpollLoop: @unchecked Sendable {
    private struct Inbox {
        var tasks: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let epoll: CInt
    /// Wakes the loop for what other threads have put into `inbox`.
    private let bell: CInt
    private let inbox = Mutex(Inbox())
    private var thread: pthread_t?
    /// By descriptor.
    private var watched: [Pollable?] = []
    private var generation: UInt32 = 0
    private var timers = TimerQueue()
    /// Closures for the end of the present event, when nothing of it is on the stack any more.
    private var later: [() -> Void] = []
    /// Sockets that go on without an event: reading was held, or took its share of this turn.
    private var resumed: [StreamSocket] = []
    private var isStopping = false
    private var onStop: [@Sendable () -> Void] = []
    /// When the present event began. One reading of the clock serves all that one event sets off.
    package private(set) var now = MonotonicTime.now()
    /// What sockets read into; its memory serves again as soon as nobody holds what was read.
    var receiving = ByteBuffer()

    /// Events taken from the kernel at once.
    private static let eventBound = 256

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
        epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard epoll >= 0 else { throw .system("epoll_create1") }
        bell = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        let number = errno
        guard bell >= 0, gatehouse_epoll_control(epoll, EPOLL_CTL_ADD, bell, gatehouse_epoll_in, Self.bellKey) == 0
        else {
            close(epoll)
            throw .system("eventfd", number)
        }
    }

    deinit {
        close(bell)
        close(epoll)
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
    package func execute(_ task: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, mustRing) = inbox.withLock { inbox in
            guard !inbox.isClosed else { return (false, false) }
            inbox.tasks.append(task)
            return (true, inbox.tasks.count == 1)
        }
        if mustRing {
            var one: UInt64 = 1
            _ = write(bell, &one, 8)
        }
        return isTaken
    }

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

    /// Without effect once its time has come.
    package func cancel(_ timer: UInt64) { timers.cancel(timer) }

    /// Runs a closure when the present event is done with.
    package func soon(_ body: @escaping () -> Void) { later.append(body) }

    // MARK: - Sockets

    /// Watches a descriptor from now on.
    func watch(_ pollable: Pollable, _ events: UInt32) throws(SocketError) {
        let descriptor = Int(pollable.descriptor)
        while watched.count <= descriptor { watched.append(nil) }
        generation &+= 1
        pollable.generation = generation
        guard gatehouse_epoll_control(epoll, EPOLL_CTL_ADD, pollable.descriptor, events, pollable.key) == 0 else {
            throw .system("epoll_ctl")
        }
        watched[descriptor] = pollable
    }

    func change(_ pollable: Pollable, _ events: UInt32) {
        _ = gatehouse_epoll_control(epoll, EPOLL_CTL_MOD, pollable.descriptor, events, pollable.key)
    }

    /// Has the events of a watched descriptor go to another from now on.
    func hand(_ pollable: Pollable, to heir: Pollable) {
        heir.generation = pollable.generation
        watched[Int(pollable.descriptor)] = heir
    }

    /// To be called before the descriptor is closed, with which it leaves epoll by itself.
    func forget(_ pollable: Pollable) { watched[Int(pollable.descriptor)] = nil }

    /// Has a socket read again in this turn or the next.
    func resume(_ socket: StreamSocket) { resumed.append(socket) }

    // MARK: - Turns

    /// No descriptor is that large, and the generation of sockets starts at 1.
    private static let bellKey = UInt64(UInt32.max)

    private func run() {
        thread = pthread_self()
        let size = Int(gatehouse_epoll_event_size())
        let events = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.eventBound * size, alignment: 16)
        defer { events.deallocate() }
        while !isStopping { turn(events) }
        end()
    }

    private func turn(_ events: UnsafeMutableRawBufferPointer) {
        let count = gatehouse_epoll_wait(epoll, events.baseAddress, CInt(Self.eventBound), timeout)
        if count <= 0 { now = .now() }
        for index in 0..<max(0, Int(count)) {
            now = .now()
            let key = gatehouse_epoll_key(events.baseAddress, index)
            if key == Self.bellKey {
                emptyInbox()
            } else {
                serve(key, gatehouse_epoll_events(events.baseAddress, index))
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

    /// The descriptor may have been closed since, and be another's by now: then its generation is another, too.
    private func serve(_ key: UInt64, _ events: UInt32) {
        let descriptor = Int(UInt32(truncatingIfNeeded: key))
        guard descriptor < watched.count, let pollable = watched[descriptor], pollable.key == key else { return }
        pollable.ready(events)
    }

    private func runLater() {
        while !later.isEmpty {
            let bodies = later
            later.removeAll(keepingCapacity: true)
            for body in bodies { body() }
        }
    }

    private func emptyInbox() {
        var count: UInt64 = 0
        _ = read(bell, &count, 8)
        let tasks = inbox.withLock { inbox in
            let tasks = inbox.tasks
            inbox.tasks = []
            return tasks
        }
        for task in tasks {
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
        let tasks = inbox.withLock { inbox in
            inbox.isClosed = true
            let tasks = inbox.tasks
            inbox.tasks = []
            return tasks
        }
        for task in tasks { task() }
        runLater()
        for pollable in watched { pollable?.abandon() }
        watched = []
        resumed = []
        later = []
        timers.removeAll()
        for told in onStop { told() }
        onStop = []
    }
}
