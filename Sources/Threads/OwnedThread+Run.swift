extension OwnedThread {
    /// Runs a blocking `body` on a thread of its own, and waits for its result without holding up one of Swift's threads, which are few.
    ///
    /// - Throws: ``ThreadError`` when the system gives no thread, and every error of `body`.
    package static func run<Value: Sendable>(
        named name: String,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(ThreadError) {
                try detach(named: name) { continuation.resume(with: Result { try body() }) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
