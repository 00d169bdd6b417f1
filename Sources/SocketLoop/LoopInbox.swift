internal import CLinux
internal import Glibc
internal import Synchronization

/// Closures that other threads have handed to a loop, in their order, and the descriptor that wakes it for them.
final class LoopInbox: Sendable {
    typealias Task = @Sendable () -> Void

    private struct State {
        var tasks: [Task] = []
        var isClosed = false
    }

    /// An eventfd(2).
    let wakeUp: CInt
    private let state = Mutex(State())

    init() throws(SocketError) {
        wakeUp = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeUp >= 0 else { throw .system("eventfd") }
    }

    deinit { Glibc.close(wakeUp) }

    /// - Returns: false when the loop takes none any more.
    func put(_ task: @escaping Task) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.tasks.append(task)
            return (true, state.tasks.count == 1)
        }
        if isFirst {
            var one: UInt64 = 1
            _ = write(wakeUp, &one, 8)
        }
        return isTaken
    }

    /// Takes what there is, and lets the next closure wake the loop again.
    func take() -> [Task] {
        var count: UInt64 = 0
        _ = read(wakeUp, &count, 8)
        return state.withLock { state in
            defer { state.tasks = [] }
            return state.tasks
        }
    }

    /// Takes what there is; nothing is taken in from now on.
    func close() -> [Task] {
        state.withLock { state in
            state.isClosed = true
            defer { state.tasks = [] }
            return state.tasks
        }
    }
}
