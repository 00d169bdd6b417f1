package import GatehouseCore

/// A token as commands show it: everything but the value.
package struct TokenSummary: Sendable {
    package let name: TokenName
    package let version: Int
    /// When the version was set; nil when the store does not know.
    package let createdAt: Timestamp?
    /// When the upstream ends the token, as the operator said. For people and metrics: the token is sent as long as it is current.
    package let expiresAt: Timestamp?
    /// Nil when the value cannot be read; `problem` says why.
    package let fingerprint: Fingerprint?
    package let actor: String
    package let note: String
    package let problem: TokenError?
}

/// An operator's record of a change.
package struct TokenChange: Sendable {
    /// Bytes of an actor and of a note; longer ones are refused.
    package static let maximumLength = 256

    /// The person or system that makes the change.
    package let actor: String
    package let note: String
    package let expiresAt: Timestamp?

    /// - Throws: ``TokenError`` `invalidValue` for a text that is too long or has a control character, which a terminal
    ///   would obey when it is listed.
    package init(actor: String = "", note: String = "", expiresAt: Timestamp? = nil) throws(TokenError) {
        for (what, text) in [("an actor", actor), ("a note", note)] {
            guard text.utf8.count <= Self.maximumLength, text.isFieldValueSafe, !text.utf8.contains(0x09) else {
                throw TokenError(
                    .invalidValue,
                    "\(what) is at most \(Self.maximumLength) bytes without control characters"
                )
            }
        }
        self.actor = actor
        self.note = note
        self.expiresAt = expiresAt
    }
}

/// One change of a token.
package struct TokenEvent: Sendable {
    package enum Action: String, Sendable, CaseIterable {
        case set
        case rotate
        case rollback
        case delete
    }

    /// Counts the changes of one token from 1.
    package let revision: Int
    package let action: Action
    /// The version that was current after it; 0 after a delete.
    package let version: Int
    package let at: Timestamp
    package let actor: String
    package let note: String
    /// The fingerprint of the value, while its version is kept and opens.
    package let fingerprint: Fingerprint?
    package let isCurrent: Bool
    /// Set when the record itself cannot be trusted.
    package let problem: TokenError?
}
