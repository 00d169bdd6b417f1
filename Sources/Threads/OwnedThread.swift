internal import CLinux
internal import Glibc

/// A thread of our own: Foundation's would bring all of Foundation with it.
///
/// It takes no signals, which so go to the threads that wait for them; only faults of its own reach it, for a handler that reports them.
package struct OwnedThread: Sendable {
    private let thread: pthread_t

    /// Starts a thread that is to be joined.
    ///
    /// - Parameter name: 15 bytes of it are kept (prctl(2), `PR_SET_NAME`).
    package init(named name: String, _ run: @escaping @Sendable () -> Void) throws(ThreadError) {
        thread = try Self.start(name, stackSize: nil, isDetached: false, run)
    }

    /// Starts a thread that is never joined.
    ///
    /// - Parameters:
    ///   - name: as for ``init(named:_:)``.
    ///   - stackSize: in bytes, nil for the system's default.
    package static func detach(
        named name: String,
        stackSize: Int? = nil,
        _ run: @escaping @Sendable () -> Void
    ) throws(ThreadError) {
        _ = try start(name, stackSize: stackSize, isDetached: true, run)
    }

    /// Waits until the thread has ended. To be called once.
    package func join() { pthread_join(thread, nil) }

    /// Waits until the thread has ended, and no longer than the bound; a thread that has not ended is detached. To be called once, in place of
    /// ``join()``.
    ///
    /// - Returns: whether it has ended.
    package func join(within bound: Duration) -> Bool {
        // The only clock that this call knows.
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        let bound = max(bound, .zero)
        let nanoseconds = Int(clamping: bound.components.attoseconds / 1_000_000_000) + deadline.tv_nsec
        deadline.tv_sec += Int(clamping: bound.components.seconds) + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        if gatehouse_join(thread, &deadline) == 0 { return true }
        pthread_detach(thread)
        return false
    }

    // MARK: - Starting

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private static func start(
        _ name: String,
        stackSize: Int?,
        isDetached: Bool,
        _ run: @escaping @Sendable () -> Void
    ) throws(ThreadError) -> pthread_t {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        if isDetached { pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)) }
        if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
        // A thread begins with the mask of its maker: set there, no signal finds it before it has masked them itself.
        var ours = sigset_t()
        var blocked = blockedSignals()
        pthread_sigmask(SIG_SETMASK, &blocked, &ours)
        defer { pthread_sigmask(SIG_SETMASK, &ours, nil) }
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name, run))
        let number = pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                gatehouse_name_thread(body.name)
                body.run()
                return nil
            },
            body.toOpaque()
        )
        guard number == 0 else {
            body.release()
            throw ThreadError(number: number)
        }
        return thread
    }

    /// A fault that is blocked ends the process without asking its handler (signal(7)), and so without Swift's backtrace.
    private static func blockedSignals() -> sigset_t {
        var signals = sigset_t()
        sigfillset(&signals)
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT] { sigdelset(&signals, fault) }
        return signals
    }
}
