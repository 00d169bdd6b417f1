package import GatehouseCore

/// Tracks the versions of tokens that are served and rejected, and decides when a new version is worth a probe: a machine without store, clock or
/// network. Times are since any fixed point of a monotonic clock.
///
/// A rejection says little: a 401 may mean the token, or the caller, or one page. So it decides nothing, and only has the new version and the one
/// before tried by the route's probe, at most once in ``interval`` for a token however often it is rejected.
///
/// The state does not outlive the process: a promotion made before a restart is not rolled back after it.
package struct PromotionWatch: Sendable {
    /// How long after a promotion a rejection may be its fault.
    package static let window: Duration = .seconds(600)
    /// Time between two probes of a token.
    package static let interval: Duration = .seconds(30)

    package enum Verdict: Equatable, Sendable {
        /// The rejected version is not current any more.
        case ignore
        /// The store may know a newer version: read it again.
        case refresh
        /// The store may know a newer version; and if the probe fails with this one and works with the one before, go back.
        case prove(version: Int)
    }

    private struct Token {
        var current: Int
        /// When the current version took the place of a lower one; nil when it did not.
        var promotedAt: Duration?
        var mayBeProvenAt: Duration = .zero
    }

    private var tokens: [TokenName: Token] = [:]

    package init() {}

    /// The versions that are served from now on.
    package mutating func served(_ versions: [TokenName: Int], at now: Duration) {
        for (name, version) in versions {
            guard let old = tokens[name] else {
                tokens[name] = Token(current: version)
                continue
            }
            guard version != old.current else { continue }
            // A lower version is the result of a rollback.
            tokens[name] = Token(current: version, promotedAt: version > old.current ? now : nil)
        }
        // A token that is away for a while keeps its past.
    }

    /// - Parameter mayGoBack: whether the operator wants it for the route that was rejected.
    package mutating func rejected(_ name: TokenName, version: Int, at now: Duration, mayGoBack: Bool) -> Verdict {
        guard let token = tokens[name], token.current == version else { return .ignore }
        guard mayGoBack, let promotedAt = token.promotedAt, now - promotedAt <= Self.window,
            now >= token.mayBeProvenAt
        else { return .refresh }
        tokens[name]?.mayBeProvenAt = now + Self.interval
        return .prove(version: version)
    }
}
