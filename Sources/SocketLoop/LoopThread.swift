internal import CLinux
internal import Glibc

/// A thread of the system's, without the weight of Foundation's.
enum LoopThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread that is not waited for.
    ///
    /// - Parameters:
    ///   - name: 15 bytes of it are kept (prctl(2), PR_SET_NAME).
    ///   - stackSize: in bytes, nil for the system's default.
    /// - Returns: the thread, nil when the system gives none.
    @discardableResult
    static func start(named name: String, stackSize: Int? = nil, _ run: @escaping @Sendable () -> Void) -> pthread_t? {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name, run))
        let result = pthread_create(
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
        guard result == 0 else {
            body.release()
            return nil
        }
        return thread
    }
}
