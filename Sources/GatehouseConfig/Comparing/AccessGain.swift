/// One access that a principal has under one configuration and not under another.
package struct AccessGain: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A route has no `allow` any more.
        case allowGone = "allow_gone"
        /// A principal is granted access that it did not have, or may call more.
        case grant
        /// A principal is no longer denied.
        case denyGone = "deny_gone"
        /// Another application's assertions are accepted.
        case audience
        /// Another kind of credential is accepted.
        case credential
        /// A route serves requests that were not served before.
        case route
        /// Another path of a route may be called.
        case path
        /// The pages of another site may call a route.
        case origin
        /// Calls are not looked at any more.
        case ungated
        /// Answers are not searched for secrets any more, or less is.
        case unguarded
        /// Tools need not be as they were approved any more.
        case unpinned
        /// Older assertions are accepted.
        case age
        /// A change like this one is not asked about any more.
        case unconfirmed
    }

    package let kind: Kind
    /// The route; nil for a gain on all routes.
    package let route: String?
    /// The callers and what they may do, in words.
    package let words: String
    /// The words for the same change in the other direction.
    let loss: String

    init(kind: Kind, route: String?, words: String, loss: String? = nil) {
        self.kind = kind
        self.route = route
        self.words = words
        self.loss = loss ?? "no more: \(words)"
    }

    /// The words for the loss of the same access.
    package var asLoss: String { Self.told(loss, route) }

    package var description: String { Self.told(words, route) }

    private static func told(_ words: String, _ route: String?) -> String {
        route.map { "route '\($0)': \(words)" } ?? words
    }
}
