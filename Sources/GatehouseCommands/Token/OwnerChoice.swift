internal import GatehouseCore
internal import GatehouseTokens

/// The owner that an operator means: by e-mail address, by the client id of a service token, or by the `sub` of the assertion.
struct OwnerChoice {
    private enum Kind {
        case address(form: String)
        case owner(TokenOwner)
    }

    private let kind: Kind
    let text: String

    /// - Throws: ``CommandFailure`` for what can be none of them.
    init(parsing text: String) throws(CommandFailure) {
        self.text = text
        if text.contains("@") {
            kind = .address(form: EmailForm.form(of: text))
        } else if text.hasSuffix(".access"), let owner = TokenOwner(service: text) {
            kind = .owner(owner)
        } else if let owner = TokenOwner(stored: text) {
            kind = .owner(owner)
        } else {
            throw CommandFailure(
                "'\(text)' names no owner",
                hint: "an e-mail address, ID.access of a service token, or the sub of an assertion",
                code: .usage
            )
        }
    }

    /// Nil for an address, which may have belonged to another person before.
    var owner: TokenOwner? { if case .owner(let owner) = kind { owner } else { nil } }

    func means(_ row: PersonalGrants.Row) -> Bool {
        switch kind {
        case .address(let form): row.record?.kept.person.map { EmailForm.form(of: $0.email) == form } ?? false
        case .owner(let owner): row.owner == owner
        }
    }
}
