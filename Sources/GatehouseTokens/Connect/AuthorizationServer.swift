internal import CurlClient
package import GatehouseCore

/// The parts of an authorization server's metadata (RFC 8414) by which people connect.
package struct AuthorizationServer: Sendable, Hashable {
    /// Nil where the configuration names the endpoints and no issuer.
    package let issuer: String?
    package let authorization: WebURL
    package let token: WebURL
    package let registration: WebURL?
    package let revocation: WebURL?
    package let userinfo: WebURL?
    /// Whether each of its answers names its issuer (RFC 9207).
    package let namesIssuer: Bool
    /// Whether the address of a document may be a client's id; nil where it does not say.
    package let takesDocuments: Bool?
    /// The ways in which clients prove themselves; HTTP Basic where it does not say (RFC 8414 section 2).
    package let authentications: [String]
    /// The server that tokens are asked for (RFC 8707).
    package let resource: String?

    init(_ told: OAuthConnection.Told) {
        issuer = told.issuer
        authorization = told.authorization
        token = told.token
        registration = nil
        revocation = told.revocation
        userinfo = nil
        namesIssuer = told.issuer != nil
        takesDocuments = nil
        authentications = []
        resource = told.resource
    }

    /// - Parameters:
    ///   - issuer: the issuer whose metadata was asked for.
    ///   - reach: judges where its endpoints may stand.
    init(_ body: CurlBody, of issuer: WebURL, for resource: String, _ reach: IssuerReach) throws(ConnectFailure) {
        guard let json = JSONValue(parsing: body.bytes), json.isObject else {
            throw ConnectFailure(.metadata, "the metadata of the authorization server is no JSON object")
        }
        guard let name = json["issuer"]?.text, Self.isSame(name, issuer.text) else {
            throw ConnectFailure(.otherIssuer, "the metadata of the authorization server is of another issuer")
        }
        if case .array(let methods)? = json["code_challenge_methods_supported"],
            !methods.contains(where: { $0.text == "S256" })
        {
            throw ConnectFailure(.unsupported, "the authorization server does not know PKCE with S256")
        }
        func endpoint(_ name: String) throws(ConnectFailure) -> WebURL? {
            guard let value = json[name], value != .null else { return nil }
            guard let text = value.text else { throw ConnectFailure(.metadata, "'\(name)' is no text") }
            do throws(InvalidValue) {
                let url = try WebURL(trusted: text)
                guard reach.mayName(url) else { throw InvalidValue("is http") }
                return url
            } catch {
                throw ConnectFailure(.metadata, "'\(name)' of the authorization server is no https URL")
            }
        }
        guard let authorization = try endpoint("authorization_endpoint"), let token = try endpoint("token_endpoint")
        else { throw ConnectFailure(.metadata, "the authorization server names no endpoint to connect at") }
        self.issuer = name
        self.authorization = authorization
        self.token = token
        registration = try endpoint("registration_endpoint")
        revocation = try endpoint("revocation_endpoint")
        userinfo = try endpoint("userinfo_endpoint")
        namesIssuer = json["authorization_response_iss_parameter_supported"] == .bool(true)
        takesDocuments = json["client_id_metadata_document_supported"].map { $0 == .bool(true) }
        let authentications = json["token_endpoint_auth_methods_supported"]?.elements.compactMap(\.text) ?? []
        self.authentications = authentications.isEmpty ? ["client_secret_basic"] : authentications
        self.resource = resource
    }

    /// Whether two identifiers are of one server: an empty path is `/` (RFC 3986 section 6.2.3), all else is compared exactly.
    static func isSame(_ one: String, _ other: String) -> Bool {
        func form(_ text: String) -> Substring {
            text.hasSuffix("/") && text.utf8.count(where: { $0 == 0x2F }) == 3 ? text.dropLast() : text[...]
        }
        return form(one) == form(other)
    }
}
