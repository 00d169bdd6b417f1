package import Crypto
package import GatehouseCore

/// Tokens that a program prints, such as `op read op://mcp/coda/credential`. Read-only.
///
/// A value is kept for `cache`: the program may ask a service that counts its readings. A program that fails leaves the value that was read last, as every
/// store does, up to `store_max_stale`.
package actor CommandTokenStore: ReadOnlyTokenStore {
    package nonisolated let kind = "exec"
    package nonisolated let names: [TokenName]
    package nonisolated let fingerprinting = SymmetricKey(size: .bits256)
    private nonisolated let command: TokenCommand
    private let cache: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    private var kept: [TokenName: (value: TokenValue, at: ContinuousClock.Instant)] = [:]
    // A program takes its time.
    private let executor = BlockingExecutor(label: "gatehouse.tokens.exec")

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - names: the tokens that routes use.
    ///   - cache: how long a value is served before the program is run again.
    ///   - now: for tests.
    package init(
        names: Set<TokenName>,
        command: TokenCommand,
        cache: Duration,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.names = names.sorted()
        self.command = command
        self.cache = cache
        self.now = now
    }

    package nonisolated func place(of name: TokenName) -> String { "`\(command.text(for: name))`" }

    package nonisolated func advice(on name: TokenName) -> String {
        "change what `\(command.text(for: name))` prints"
    }

    package func token(_ name: TokenName) async throws(TokenError) -> TokenValue {
        let now = now()
        if let known = kept[name], now - known.at < cache { return known.value }
        let value = try value(command.run(for: name), from: "the output of \(command.program)")
        kept[name] = (value, now)
        return value
    }
}
