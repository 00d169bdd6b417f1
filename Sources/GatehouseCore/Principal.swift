/// The identity that makes a request, established by an assertion or a break-glass credential.
package struct Principal: Hashable, Sendable {
    /// How the principal was established. The raw value is the `principal_kind` column of the audit.
    package enum Kind: String, Sendable, CaseIterable {
        /// A person: the assertion carried `email`.
        case user
        /// A service token: the assertion carried `common_name`.
        case service
        /// A break-glass credential issued by `gatehouse bearer issue`.
        case bearer
        /// No principal: the request was refused before a caller was established.
        case none
    }

    package let kind: Kind
    /// The e-mail address of a user, the client id of a service token, the name of a bearer. Never empty but for `.none`.
    package let name: String
    /// The `sub` claim. Empty for service tokens: Access gives all of them the same.
    package let subject: String
    /// The text that distinguishes principals of one kind: a user's address in the form under which addresses are compared, otherwise the name. Made
    /// once, when the principal is established.
    package let identity: String

    package init(kind: Kind, name: String, subject: String = "") {
        self.kind = kind
        self.name = name
        self.subject = subject
        identity = kind == .user ? EmailForm.form(of: name) : name
    }

    package static let nobody = Principal(kind: .none, name: "")
}
