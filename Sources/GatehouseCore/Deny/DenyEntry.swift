/// One entry of ``DenyBook``: the callers that it names are refused on every route, whatever a grant says.
package struct DenyEntry: Sendable, Hashable {
    /// Bytes of a text; `gatehouse deny` takes no longer one.
    package static let maximumLength = 512

    /// The part of a caller that an entry is compared with; the raw value is the key of the same list in `access.deny`.
    package enum Kind: String, Sendable, CaseIterable {
        case user = "users"
        case serviceToken = "service_tokens"
        case subject = "subjects"
        case group = "groups"

        /// The word for one of them.
        package var word: String {
            switch self {
            case .user: "user"
            case .serviceToken: "service token"
            case .subject: "subject"
            case .group: "group"
            }
        }
    }

    package let kind: Kind
    /// An address, a client id, a subject or a group; `*` stands for any run of characters.
    package let text: String
    package let by: String
    package let at: Timestamp
    package let note: String

    package init(_ kind: Kind, _ text: String, by: String, at: Timestamp, note: String = "") {
        self.kind = kind
        self.text = text
        self.by = by
        self.at = at
        self.note = note
    }

    /// Whether two entries name the same callers in the same words. Addresses are compared as they are when a caller comes.
    package func isSame(as other: DenyEntry) -> Bool { kind == other.kind && form == other.form }

    private var form: String { kind == .user ? EmailForm.form(of: text) : text }
}

extension DenyEntry: CustomStringConvertible {
    package var description: String { "\(kind.word) \(text)" }
}
