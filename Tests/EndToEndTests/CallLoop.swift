import CurlClient
import Synchronization

/// Calls one after the other without a pause, and their results.
final class CallLoop: Sendable {
    struct Made: Sendable {
        var count = 0
        var failures: [String] = []
    }

    private let calls = Mutex(Made())

    var made: Made { calls.withLock { $0 } }

    /// Calls until the task is cancelled.
    ///
    /// - Parameters:
    ///   - name: the part of a failure's text by which a person knows the call.
    ///   - remark: added to the text of an answer that is no 200.
    func run(
        _ name: String = "",
        remark: () -> String = { "" },
        _ call: () async throws -> CurlResponse
    ) async {
        while !Task.isCancelled {
            var failure: String?
            do {
                let response = try await call()
                if response.status != 200 { failure = "\(name)\(response.status) \(response.body.text)\(remark())" }
            } catch {
                failure = "\(name)\(error)"
            }
            if Task.isCancelled { return }
            calls.withLock { calls in
                calls.count += 1
                if let failure { calls.failures.append(failure) }
            }
        }
    }
}
