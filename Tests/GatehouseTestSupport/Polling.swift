/// Waiting for what tells nobody when it comes about: another process, a state that can only be read. What can be awaited is awaited.
package enum Polling {
    /// Between two questions.
    package static let interval: Duration = .milliseconds(10)
    /// Beyond it a wait has failed. No test is slower for it, and on the busiest machine only a hang takes so long.
    package static let patience: Duration = .seconds(RawSocket.patience) * 8 / 3

    /// Asks until the answer is yes.
    ///
    /// - Throws: ``TimedOut``, or what the question throws.
    package static func until(
        _ what: String,
        isolation: isolated (any Actor)? = #isolation,
        _ holds: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + patience
        while try await !holds() {
            guard ContinuousClock.now < end else { throw TimedOut(what: what) }
            try await Task.sleep(for: interval)
        }
    }
}
