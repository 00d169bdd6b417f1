package import GatehouseCore

/// Follows how upstreams take the tokens they are sent, and says when a new version is so much worse than the one before that going back
/// is right: a machine without store or clock. Times are since any fixed point of a clock that is never set.
///
/// What it knows does not outlive the process: after a restart a promotion made before it is not gone back from.
package struct PromotionWatch: Sendable {
    /// How long after a promotion a rejection is blamed on it.
    package static let window: Duration = .seconds(600)
    /// Rejections of a new version that the upstream had accepted before; one that it never accepted needs only one.
    package static let tolerated = 3

    package enum Verdict: Equatable, Sendable {
        /// Of a version that is not current any more.
        case ignore
        /// The store may know a newer version: read it again.
        case refresh
        /// Go back from this version to the one before.
        case goBack(from: Int)
    }

    private struct Token {
        var current: Int
        /// Whether the upstream accepted the current version.
        var isAccepted = false
        /// When the current version took the place of one that was accepted; nil when it did not, or was gone back from.
        var promotedAt: Duration?
        var rejections = 0
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
            // A lower version is one that somebody went back to.
            let isPromotion = version > old.current && old.isAccepted
            tokens[name] = Token(current: version, promotedAt: isPromotion ? now : nil)
        }
        // A token that is away for a while keeps its past.
    }

    package mutating func accepted(_ name: TokenName, version: Int) {
        if tokens[name]?.current == version { tokens[name]?.isAccepted = true }
    }

    /// - Parameter mayGoBack: whether the operator wants it for the route that was rejected.
    package mutating func rejected(_ name: TokenName, version: Int, at now: Duration, mayGoBack: Bool) -> Verdict {
        guard var token = tokens[name], token.current == version else { return .ignore }
        token.rejections += 1
        defer { tokens[name] = token }
        guard mayGoBack, let promotedAt = token.promotedAt, now - promotedAt <= Self.window,
            !token.isAccepted || token.rejections >= Self.tolerated
        else { return .refresh }
        // Once: whether it succeeds or not, the next rejection changes nothing.
        token.promotedAt = nil
        return .goBack(from: version)
    }
}
