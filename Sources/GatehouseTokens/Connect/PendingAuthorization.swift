internal import GatehouseCore

/// The beginning of an authorization, which comes back from the vendor as the `state` of its answer: sealed, so that no replica has to remember it.
struct PendingAuthorization: Sendable, Equatable {
    /// Time from the page to the vendor's answer.
    static let lifetime: Duration = .seconds(600)
    /// Told apart from what another release makes.
    private static let format = "1"

    let token: TokenName
    let owner: TokenOwner
    /// The address of the page from which it began, with `/` at its end.
    let page: String
    /// Its issuer is empty where nobody has said one.
    let server: GrantServer
    /// The beginning of the address at which consent is given.
    let origin: String
    let namesIssuer: Bool
    let userinfoURL: String?
    let resource: String?
    let verifier: CodeVerifier
    let mark: String

    var redirect: String { page + AuthorizationRequest.callback }

    /// The order in which ``init(texts:)`` reads.
    var texts: [String] {
        [
            Self.format, token.text, owner.text, page, server.issuer, server.tokenURL, server.revocationURL ?? "",
            server.clientID, origin, namesIssuer ? "1" : "", userinfoURL ?? "", resource ?? "", verifier.text, mark,
        ]
    }

    /// Whether the answer comes from the server that was asked (RFC 9207 section 2.4): with another one's code, the server that was asked could act at
    /// that other one.
    func isAnswered(by issuer: String?) -> Bool {
        guard let issuer else { return !namesIssuer }
        if !server.issuer.isEmpty { return issuer == server.issuer }
        return issuer == origin || issuer.hasPrefix(origin + "/")
    }
}

extension PendingAuthorization {
    /// - Returns: nil for what is not ``texts``.
    init?(texts: [String]) {
        guard texts.count == 14, texts[0] == Self.format, let token = try? TokenName(parsing: texts[1]),
            let owner = TokenOwner(stored: texts[2])
        else { return nil }
        func optional(_ index: Int) -> String? { texts[index].isEmpty ? nil : texts[index] }
        self.init(
            token: token,
            owner: owner,
            page: texts[3],
            server: GrantServer(
                issuer: texts[4],
                tokenURL: texts[5],
                revocationURL: optional(6),
                clientID: texts[7]
            ),
            origin: texts[8],
            namesIssuer: optional(9) != nil,
            userinfoURL: optional(10),
            resource: optional(11),
            verifier: CodeVerifier(text: texts[12]),
            mark: texts[13]
        )
    }
}
