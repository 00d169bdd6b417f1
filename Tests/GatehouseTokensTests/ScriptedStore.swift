import GatehouseCore
@testable import GatehouseTokens
import Synchronization

/// A store with scripted answers, which counts its calls.
final class ScriptedStore: TokenStore {
    struct Script {
        var answer: Result<TokenLoad, TokenError> = .success(TokenLoad())
        var stamp: TokenChangeStamp?
        var loads = 0
        /// Loads that are held until the test releases them.
        var isHeld = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var arrived: [CheckedContinuation<Void, Never>] = []
    }

    let capabilities: TokenStoreCapabilities = []
    private let script = Mutex(Script())

    var loads: Int { script.withLock { $0.loads } }

    func answer(_ tokens: [String: String], problems: [TokenProblem] = []) throws {
        var load = TokenLoad(problems: problems)
        for (name, value) in tokens { load.tokens[.name(name)] = try TokenValue(validating: Secret(value), version: 1) }
        script.withLock { [load] in $0.answer = .success(load) }
    }

    func fail() { script.withLock { $0.answer = .failure(TokenError(.unavailable, "the store is away")) } }

    func stamp(_ byte: UInt8?) { script.withLock { $0.stamp = byte.map { TokenChangeStamp([$0]) } } }

    func hold() { script.withLock { $0.isHeld = true } }

    func letGo() {
        let waiting = script.withLock { script in
            defer { script.waiting = [] }
            script.isHeld = false
            return script.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once a load is held.
    func loadIsHeld() async {
        await withCheckedContinuation { continuation in
            let isThere = script.withLock { script in
                if script.waiting.isEmpty { script.arrived.append(continuation) }
                return !script.waiting.isEmpty
            }
            if isThere { continuation.resume() }
        }
    }

    func load() async throws(TokenError) -> TokenLoad {
        let answer = script.withLock { script in
            script.loads += 1
            return script.answer
        }
        await withCheckedContinuation { continuation in
            let (isHeld, arrived) = script.withLock { script in
                guard script.isHeld else { return (false, [CheckedContinuation<Void, Never>]()) }
                script.waiting.append(continuation)
                defer { script.arrived = [] }
                return (true, script.arrived)
            }
            for one in arrived { one.resume() }
            if !isHeld { continuation.resume() }
        }
        return try answer.get()
    }

    func changeStamp() async throws(TokenError) -> TokenChangeStamp? { script.withLock { $0.stamp } }
    func list() async throws(TokenError) -> [TokenSummary] { [] }
    func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] { [] }
    func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue { throw .notFound(name) }
    func set(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError) -> TokenSummary {
        throw .notFound(name)
    }
    func rotate(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError) -> TokenSummary {
        throw .notFound(name)
    }
    func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        throw .notFound(name)
    }
    func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        throw .notFound(name)
    }
    func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) { throw .notFound(name) }
}

/// A clock that the test moves, and the snapshots that a refresher handed on.
final class Stage: Sendable {
    private let time = Mutex(Duration.zero)
    private let handed = Mutex<[[String: String]]>([])

    var snapshots: [[String: String]] { handed.withLock { $0 } }

    func advance(_ duration: Duration) { time.withLock { $0 += duration } }

    func take(_ snapshot: TokenSnapshot) {
        let tokens = snapshot.tokens.map { ($0.key.text, $0.value.secret.text) }
        handed.withLock { $0.append(Dictionary(uniqueKeysWithValues: tokens)) }
    }

    /// In the middle of the jitter, so that intervals are as configured. A sleep lets the clock move by what it was asked for.
    var surroundings: TokenRefresher.Surroundings {
        TokenRefresher.Surroundings(
            wall: FixedClock(1_764_000_000),
            uptime: { self.time.withLock { $0 } },
            sleep: { duration in
                try Task.checkCancellation()
                self.advance(duration)
                await Task.yield()
            },
            jitter: { 0.5 }
        )
    }
}
