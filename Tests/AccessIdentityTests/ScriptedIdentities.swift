import GatehouseCore
import Synchronization

@testable import AccessIdentity

/// An identity endpoint whose answers are scripted by assertion, and which can be held.
final class ScriptedIdentities: Sendable {
    struct Outage: Error, CustomStringConvertible {
        var description: String { "connection refused" }
    }

    private struct State {
        var answers: [String: Result<IdentitySource.Response, Outage>] = [:]
        var asked: [String] = []
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
        var watcher: (count: Int, CheckedContinuation<Void, Never>)?

        var reached: CheckedContinuation<Void, Never>? {
            mutating get {
                guard let watcher, held.count >= watcher.count else { return nil }
                self.watcher = nil
                return watcher.1
            }
        }
    }

    private let state = Mutex(State())

    /// The assertions that were presented, in their order.
    var asked: [String] { state.withLock { $0.asked } }

    func answer(_ assertion: String, _ status: Int = 200, _ body: String) {
        state.withLock { $0.answers[assertion] = .success(.init(status: status, body: Array(body.utf8))) }
    }

    func fail(_ assertion: String) { state.withLock { $0.answers[assertion] = .failure(Outage()) } }

    /// Fetches wait for ``release()`` from now on.
    func hold() { state.withLock { $0.isHolding = true } }

    func release() {
        let held = state.withLock { state in
            defer { (state.isHolding, state.held) = (false, []) }
            return state.held
        }
        for fetch in held { fetch.resume() }
    }

    /// Returns once so many fetches are held.
    func whenHeld(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.watcher = (count, continuation)
                return state.reached
            }?.resume()
        }
    }

    func fetch(_ assertion: Secret, _ timeout: Duration) async throws -> IdentitySource.Response {
        let text = assertion.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let isHolding = state.withLock { state in
            state.asked.append(text)
            return state.isHolding
        }
        if isHolding {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    state.held.append(continuation)
                    return state.reached
                }?.resume()
            }
        }
        return try state.withLock { $0.answers[text] ?? .failure(Outage()) }.get()
    }
}
