/// The owner of a personal token: a person by the `sub` of the assertion, because an address that is given to another person must inherit nothing, or a
/// service token by its client id.
package struct TokenOwner: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Characters of the text.
    package static let maximumLength = 256
    /// No `sub` that begins like this is taken for a person.
    private static let servicePrefix = "service:"

    /// The form in which it is kept: the `sub`, or `service:` and the client id.
    package let text: String

    /// Nil for a bearer, for nobody, and for who has no `sub` that could be kept.
    package init?(_ principal: Principal) {
        switch principal.kind {
        case .user: self.init(subject: principal.subject)
        case .service: self.init(service: principal.name)
        case .bearer, .none: return nil
        }
    }

    /// - Returns: nil for what no person's `sub` is.
    package init?(subject: String) {
        guard !subject.hasPrefix(Self.servicePrefix) else { return nil }
        self.init(stored: subject)
    }

    /// - Returns: nil for what no client id is.
    package init?(service id: String) {
        guard !id.isEmpty else { return nil }
        self.init(stored: Self.servicePrefix + id)
    }

    /// - Returns: nil for what is no ``text``.
    package init?(stored text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        self.text = text
    }

    /// The client id of a service token; nil for a person.
    package var serviceID: String? {
        text.hasPrefix(Self.servicePrefix) ? String(text.dropFirst(Self.servicePrefix.count)) : nil
    }

    package static func < (one: TokenOwner, other: TokenOwner) -> Bool { one.text < other.text }
    package var description: String { text }
}
