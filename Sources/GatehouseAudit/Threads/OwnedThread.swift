internal import Glibc

/// A thread of our own: Foundation's would bring all of Foundation with it.
///
/// `@unchecked Sendable`: immutable after it is made.
final class OwnedThread: @unchecked Sendable {
    private let thread: pthread_t

    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread that takes no signals. The kernel shows the first 15 bytes of its name.
    init(named name: String, _ run: @escaping @Sendable () -> Void) throws(AuditError) {
        var none = sigset_t()
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &none)
        defer { pthread_sigmask(SIG_SETMASK, &none, nil) }
        var made = pthread_t()
        let body = Unmanaged.passRetained(Body(name, run))
        let failure = pthread_create(
            &made,
            nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                OwnedThread.name(body.name)
                body.run()
                return nil
            },
            body.toOpaque()
        )
        guard failure == 0 else {
            body.release()
            throw .system("start the thread", name, failure)
        }
        thread = made
    }

    /// Names the thread that calls, for `ps` and debuggers. glibc's own call is a GNU extension that Swift does not import.
    private static func name(_ name: String) {
        let comm = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard comm >= 0 else { return }
        _ = write(comm, name, name.utf8.count)
        close(comm)
    }

    /// Waits until the thread has ended. To be called once.
    func join() { pthread_join(thread, nil) }
}
