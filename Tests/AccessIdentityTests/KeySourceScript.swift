import AccessIdentity
import GatehouseTestSupport
import Synchronization

/// A clock that stands still until it is moved, and tells when someone sleeps.
final class ScriptedKeyClock: KeyClock {
    private struct State {
        var now = TestIssuer.defaultNow
        var sleeper: CheckedContinuation<Void, any Error>?
        var requested: [Int64] = []
        var watcher: CheckedContinuation<Int64, Never>?
        var isCancelled = false
    }

    private let state = Mutex(State())

    func now() -> Int64 { state.withLock { $0.now } }

    func advance(_ seconds: Int64) { state.withLock { $0.now += seconds } }

    func sleep(seconds: Int64) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (watcher, isCancelled) = state.withLock { state in
                    if state.isCancelled { return (CheckedContinuation<Int64, Never>?.none, true) }
                    state.sleeper = continuation
                    if state.watcher == nil { state.requested.append(seconds) }
                    return (state.watcher.take(), false)
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                watcher?.resume(returning: seconds)
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.isCancelled = true
                return state.sleeper.take()
            }
            sleeper?.resume(throwing: CancellationError())
        }
    }

    /// The seconds of the next sleep, as soon as someone sleeps.
    func nextSleep() async -> Int64 {
        await withCheckedContinuation { continuation in
            let requested = state.withLock { state -> Int64? in
                if state.requested.isEmpty {
                    state.watcher = continuation
                    return nil
                }
                return state.requested.removeFirst()
            }
            if let requested { continuation.resume(returning: requested) }
        }
    }

    /// Moves the clock and wakes the sleeper.
    func wake(after seconds: Int64) {
        let sleeper = state.withLock { state in
            state.now += seconds
            return state.sleeper.take()
        }
        sleeper?.resume()
    }
}

/// An issuer whose answers are scripted, and which can be held.
final class ScriptedCerts: Sendable {
    struct Outage: Error, CustomStringConvertible {
        var description: String { "connection refused" }
    }

    private struct State {
        var answer: Result<[UInt8], Outage>
        var fetches = 0
        var isHeld = false
        var held: CheckedContinuation<Void, Never>?
        var watcher: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ keys: [TestIssuer.Key]) { state = Mutex(State(answer: .success(TestIssuer.jwkSet(keys)))) }

    var fetches: Int { state.withLock { $0.fetches } }

    func serve(_ keys: [TestIssuer.Key]) { serve(bytes: TestIssuer.jwkSet(keys)) }
    func serve(bytes: [UInt8]) { state.withLock { $0.answer = .success(bytes) } }
    func fail() { state.withLock { $0.answer = .failure(Outage()) } }
    /// The next fetch waits for ``release()``.
    func hold() { state.withLock { $0.isHeld = true } }

    func fetch(_ url: String) async throws -> [UInt8] {
        let isHeld = state.withLock { state in
            state.fetches += 1
            return state.isHeld
        }
        if isHeld {
            await withCheckedContinuation { continuation in
                let watcher = state.withLock { state in
                    state.held = continuation
                    return state.watcher.take()
                }
                watcher?.resume()
            }
        }
        return try state.withLock { $0.answer }.get()
    }

    /// Returns once a fetch is held.
    func whenHeld() async {
        await withCheckedContinuation { continuation in
            let isHeld = state.withLock { state in
                if state.held != nil { return true }
                state.watcher = continuation
                return false
            }
            if isHeld { continuation.resume() }
        }
    }

    func release() {
        let held = state.withLock { state in
            state.isHeld = false
            return state.held.take()
        }
        held?.resume()
    }
}
