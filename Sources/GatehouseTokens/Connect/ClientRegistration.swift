internal import CurlClient
internal import GatehouseCore

/// Registers Gatehouse as a client of an authorization server (RFC 7591).
struct ClientRegistration: Sendable {
    static let name = "Gatehouse"

    let server: AuthorizationServer
    let reach: IssuerReach
    let authoritiesFile: String?
    var send = IssuerRequest.curl

    /// - Parameter redirects: the addresses to which people may come back.
    func register(_ redirects: [String], scopes: [String]) async throws(ConnectFailure) -> RegisteredClient {
        guard let registration = server.registration else {
            throw ConnectFailure(
                .unsupported,
                "the authorization server registers no clients by itself",
                hint: "register one there and name it: client: { id, secret }"
            )
        }
        guard let wanted = Self.authentication(of: server.authentications) else {
            throw ConnectFailure(
                .unsupported,
                "the authorization server takes no client that proves itself by a secret"
            )
        }
        var json = JSONText()
        json.object { json in
            json.string("client_name", Self.name)
            json.array("redirect_uris") { list in for redirect in redirects { list.string(nil, redirect) } }
            json.array("grant_types") { list in
                list.string(nil, "authorization_code")
                list.string(nil, "refresh_token")
            }
            json.array("response_types") { $0.string(nil, "code") }
            json.string("token_endpoint_auth_method", wanted.registeredName)
            if !scopes.isEmpty { json.string("scope", scopes.joined(separator: " ")) }
        }
        var request = IssuerRequest.post(
            registration.text,
            CurlBody(json.bytes),
            reach: reach,
            authoritiesFile: authoritiesFile
        )
        request.headers = [CurlHeader("Accept", "application/json"), CurlHeader("Content-Type", "application/json")]
        let response: CurlResponse
        do throws(CurlError) { response = try await send(request) } catch {
            throw ConnectFailure(error, "the registration endpoint")
        }
        guard response.status == 201 || response.status == 200 else {
            let code = TokenAnswer(response.body)?.error
            throw ConnectFailure(
                response.status >= 500 ? .unavailable : .registration,
                "the authorization server does not register Gatehouse: \(response.status)"
                    + (code.map { " \($0)" } ?? ""),
                hint: "register a client there and name it: client: { id, secret }"
            )
        }
        return try RegistrationAnswer(response.body).client(of: server.issuer ?? "", wanting: wanted, redirects)
    }

    /// A client with a secret where there may be one: a refresh token that is stolen is then worth nothing without it.
    private static func authentication(of methods: [String]) -> ClientAuthentication? {
        [ClientAuthentication.basic, .post, .none].first { methods.contains($0.registeredName) }
    }
}

extension ClientAuthentication {
    /// The name in metadata (RFC 7591 section 2).
    var registeredName: String {
        switch self {
        case .basic: "client_secret_basic"
        case .post: "client_secret_post"
        case .none: "none"
        }
    }
}

/// The answer of a registration endpoint (RFC 7591 section 3.2.1).
struct RegistrationAnswer {
    /// The year 2286: what a server says beyond it is no time.
    private static let latestEnd: Int64 = 9_999_999_999

    private var id: String?
    private var secret: Secret?
    private var method: String?
    /// Seconds since 1970; nil for a secret without an end.
    private var secretEnd: Int64?

    init(_ body: CurlBody) throws(ConnectFailure) {
        let answer: RegistrationAnswer? = body.withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                let answer = try RegistrationAnswer(&scanner)
                try scanner.finish()
                return answer
            } catch { return nil }
        }
        guard let answer else {
            throw ConnectFailure(.registration, "the answer to the registration is no JSON object")
        }
        self = answer
    }

    private init(_ scanner: inout JSONScanner) throws(JSONFault) {
        var names = JSONNames()
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            switch scanner.next {
            case .string where member == "client_id": id = try scanner.string().text
            case .string where member == "client_secret": secret = TokenAnswer.secret(try scanner.string())
            case .string where member == "token_endpoint_auth_method": method = try scanner.string().text
            case .number where member == "client_secret_expires_at":
                secretEnd = try scanner.number().integer.flatMap { $0 > 0 ? min($0, Self.latestEnd) : nil }
            case _: try scanner.skip()
            }
        }
    }

    /// The server may have registered the client to prove itself otherwise than it was asked to.
    func client(
        of issuer: String,
        wanting wanted: ClientAuthentication,
        _ redirects: [String]
    ) throws(ConnectFailure) -> RegisteredClient {
        guard let id, (1...2048).contains(id.utf8.count), id.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw ConnectFailure(.registration, "the answer to the registration has no client id")
        }
        let name = secret == nil ? ClientAuthentication.none.registeredName : method ?? wanted.registeredName
        guard let authentication = ClientAuthentication.allCases.first(where: { $0.registeredName == name }),
            secret?.count ?? 0 <= TokenAnswer.maximumToken
        else {
            throw ConnectFailure(
                .registration,
                "the client is registered to prove itself in a way that Gatehouse cannot"
            )
        }
        return RegisteredClient(
            issuer: issuer,
            id: id,
            secret: authentication == ClientAuthentication.none ? nil : secret,
            authentication: authentication,
            redirects: redirects,
            expiresAt: secretEnd.map { Timestamp(seconds: $0) }
        )
    }
}
