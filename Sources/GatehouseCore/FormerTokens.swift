/// The versions of tokens that were served before the present ones. An upstream may have kept one, in a page or in a log that it shows, and one that
/// was rotated away may still be accepted.
package struct FormerTokens: Sendable {
    /// Versions of a token that are remembered; older ones are forgotten, and all of them when the process ends.
    package static let bound = 2

    private var versions: [TokenName: [TokenValue]] = [:]

    package init() {}

    package func versions(of name: TokenName) -> [TokenValue] { versions[name] ?? [] }

    /// Other tokens are served from now on.
    package mutating func replaced(_ old: [TokenName: TokenValue], by new: [TokenName: TokenValue]) {
        for (name, value) in old where new[name]?.secret != value.secret {
            let kept = [value] + versions(of: name).filter { $0.secret != value.secret }
            versions[name] = Array(kept.prefix(Self.bound))
        }
        for (name, value) in new where versions[name] != nil { versions[name]?.removeAll { $0.secret == value.secret } }
    }
}
