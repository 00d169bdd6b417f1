internal import GatehouseCore
internal import GatehouseTokens

/// The person who looks at the page, as the data path has established it.
struct ConnectVisitor: Sendable {
    let person: TokenConnector.Person
    let audiences: Set<String>
    let host: Host

    enum Refusal: Error {
        /// A program has no page.
        case noPerson
        case noHost
    }

    init(_ request: LocalRequest) throws(Refusal) {
        guard let email = request.field(Route.ConnectField.email), !email.isEmpty,
            let owner = request.field(Route.ConnectField.subject).flatMap({ TokenOwner(subject: $0) })
        else { throw .noPerson }
        let name = request.host.map { $0.hasPrefix("[") ? $0 : String($0.prefix { $0 != ":" }) }
        guard let name, let host = try? Host(parsing: name) else { throw .noHost }
        person = TokenConnector.Person(owner: owner, email: email)
        self.host = host
        audiences = Self.audiences(of: request.field(Route.ConnectField.assertion) ?? "")
    }

    /// The audiences of an assertion that was verified before.
    private static func audiences(of assertion: String) -> Set<String> {
        let parts = assertion.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Array(parts[1].utf8).withUnsafeBytes({ Base64URL.decode($0) }),
            let audience = JSONValue(parsing: bytes)?["aud"]
        else { return [] }
        return Set(audience.text.map { [$0] } ?? audience.elements.compactMap(\.text))
    }
}
