/// One thing that somebody may do under one configuration and not under another.
package struct AccessGain: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A route has no `allow` any more.
        case allowGone = "allow_gone"
        /// Somebody is named who was not, or may call what they could not.
        case grant
        /// Somebody is denied no more.
        case denyGone = "deny_gone"
        /// Another application's assertions are accepted.
        case audience
        /// Another kind of credential is accepted.
        case credential
        /// Something is served that was not.
        case route
        /// Calls are not looked at any more.
        case ungated
        /// Older assertions are accepted.
        case age
        /// A change like this one is not asked about any more.
        case unconfirmed
    }

    package let kind: Kind
    /// The route, nil for what holds on all.
    package let route: String?
    /// Who may do what, in words.
    package let words: String
    /// What is said when it is the other way round.
    let loss: String

    init(kind: Kind, route: String?, words: String, loss: String? = nil) {
        self.kind = kind
        self.route = route
        self.words = words
        self.loss = loss ?? "no more: \(words)"
    }

    /// The words for who may do it no more.
    package var asLoss: String { Self.told(loss, route) }

    package var description: String { Self.told(words, route) }

    private static func told(_ words: String, _ route: String?) -> String {
        route.map { "route '\($0)': \(words)" } ?? words
    }
}
