import GatehouseCore
@testable import GatehouseServer
import GatehouseTestSupport
@testable import GatehouseTokens
import Synchronization

/// The page's handler before a store, and a vendor on this machine, which is also the upstream whose probe proves pasted tokens.
struct ConnectFixture: Sendable {
    static let host = "mcp.example.com"
    static let origin = "https://mcp.example.com"
    static let path = ConnectSite.defaultPath

    /// The last things that the vendor was asked.
    final class Asked: Sendable {
        private let targets = Mutex<[String]>([])
        func note(_ target: String) { targets.withLock { $0.append(target) } }
        func count(_ target: String) -> Int { targets.withLock { $0.count { $0 == target } } }
    }

    final class Changes: Sendable {
        private let kept = Mutex<[ConnectChange]>([])
        var all: [ConnectChange] { kept.withLock { $0 } }
        func add(_ change: ConnectChange) { kept.withLock { $0.append(change) } }
    }

    struct Person: Sendable {
        var subject = "sub-ada"
        var email = "ada@example.com"
        var audiences = ["aud"]

        var fields: [(name: String, value: String)] {
            let list = audiences.map { "\"\($0)\"" }.joined(separator: ",")
            let claims = Base64URL.encode(Array(#"{"aud":[\#(list)]}"#.utf8))
            return [
                ("gatehouse-subject", subject), ("Gatehouse-Email", email),
                ("Cf-Access-Jwt-Assertion", "e30.\(claims).c2ln"),
            ]
        }
    }

    let folder: OwnFolder
    let vendor: LoopbackHTTP
    let asked = Asked()
    let changes = Changes()
    let clock = ScriptedClock()
    let store: SealedTokenStore
    let site: ConnectSite
    let handler: ConnectHandler

    init(origin: (@Sendable (Host) -> String)? = nil) async throws {
        folder = try OwnFolder("connect")
        vendor = try await Self.vendor(asked)
        let keyring = try MasterKeyring([MasterKey(bytes: Secret(0..<32))])
        store = SealedTokenStore.sqlite(path: "\(folder.path)/tokens.db", keyring: keyring, clock: clock)
        site = try Self.site(vendor.url, origin ?? { "https://\($0.name)" })
        let keys: @Sendable () -> PurposeKeys = { PurposeKeys(current: Secret(Array(repeating: 9, count: 32))) }
        handler = ConnectHandler(
            site: { [site] in site },
            connector: TokenConnector(store: store, keys: keys, clock: clock, holder: "test"),
            keys: keys,
            clock: clock,
            others: { [:] },
            onChange: { [changes] in changes.add($0) }
        )
    }

    private static func site(_ vendor: String, _ origin: @escaping @Sendable (Host) -> String) throws -> ConnectSite {
        func route(_ name: String, _ host: String, _ audience: String, probe: String? = nil) throws -> Route {
            let own = try RouteName(parsing: name).ownToken
            let header = Injection(
                name: try HeaderName(parsing: "Authorization"),
                value: try .init(parsing: "Bearer {token}", ownToken: own)
            )
            return Route(
                name: try RouteName(parsing: name),
                host: try HostPattern(parsing: host),
                audiences: [audience],
                upstream: try Upstream(parsing: "http://127.0.0.1:1"),
                injections: [header],
                probe: probe.map { Route.Probe(url: $0, headers: [header], expect: 200) }
            )
        }
        let client = OAuthClient(id: "gatehouse", secret: nil, authentication: .none)
        return ConnectSite(
            path: path,
            routes: [
                try route("notion", host, "aud"), try route("jira", host, "aud", probe: vendor + "/probe"),
                try route("hidden", host, "another-audience"), try route("elsewhere", "other.example.com", "aud"),
                try route("shared", host, "aud"),
            ],
            tokens: [
                ConnectableToken(
                    try TokenName(parsing: "notion"),
                    by: .oauth(
                        OAuthConnection(
                            server: .discovered(from: try WebURL(parsing: vendor + "/mcp")),
                            client: .registered(client)
                        )
                    )
                ),
                ConnectableToken(
                    try TokenName(parsing: "jira"),
                    by: .paste(
                        help: "Profile > \"Security\" > API tokens",
                        url: try WebURL(parsing: "https://id.example.com/security?a=1&b=2")
                    ),
                    hasFallback: true
                ),
                ConnectableToken(try TokenName(parsing: "hidden"), by: .paste(help: "x", url: nil)),
                ConnectableToken(try TokenName(parsing: "elsewhere"), by: .paste(help: "x", url: nil)),
            ],
            origin: origin
        )
    }

    private static func vendor(_ asked: Asked) async throws -> LoopbackHTTP {
        let address = AddressBox()
        let vendor = try await LoopbackHTTP.start { request in
            asked.note(String(request.target.prefix { $0 != "?" }))
            let url = address.text
            switch request.target {
            case "/.well-known/oauth-protected-resource/mcp":
                return .init(200, #"{"resource":"\#(url)/mcp","authorization_servers":["\#(url)"]}"#)
            case "/.well-known/oauth-authorization-server":
                return .init(
                    200,
                    """
                    {"issuer":"\(url)","authorization_endpoint":"\(url)/authorize","token_endpoint":"\(url)/token",
                    "revocation_endpoint":"\(url)/revoke","userinfo_endpoint":"\(url)/userinfo"}
                    """
                )
            case "/token":
                return .init(200, #"{"access_token":"at-secret","refresh_token":"rt-secret","expires_in":3600}"#)
            case "/userinfo": return .init(200, #"{"email":"ada@<b>vendor"}"#)
            case "/revoke": return .init(200, "")
            case "/probe": return .init(request.header("authorization") == "Bearer good-secret" ? 200 : 401, "")
            case _: return .init(404, "")
            }
        }
        address.text = vendor.url
        return vendor
    }

    /// The vendor's address, which its answers name.
    private final class AddressBox: Sendable {
        private let kept = Mutex("")
        var text: String {
            get { kept.withLock { $0 } }
            set { kept.withLock { $0 = newValue } }
        }
    }

    // MARK: - Asking

    func request(
        _ method: String,
        _ target: String,
        as person: Person = Person(),
        host: String = host,
        body: String = "",
        fields: [(name: String, value: String)] = []
    ) -> LocalRequest {
        var request = LocalRequest(method: method, path: Self.path + target.prefix { $0 != "?" }, body: body)
        if let mark = target.firstIndex(of: "?") { request.query = String(target[mark...].dropFirst()) }
        request.host = host
        request.fields = person.fields + fields
        return request
    }

    func get(_ target: String = "", as person: Person = Person(), host: String = host) async -> LocalAnswer {
        await handler.answer(request("GET", target, as: person, host: host))
    }

    func post(
        _ action: String,
        _ body: String,
        as person: Person = Person(),
        origin: String? = origin,
        fetchSite: String? = "same-origin"
    ) async -> LocalAnswer {
        var fields = [(name: "Content-Type", value: "application/x-www-form-urlencoded")]
        if let origin { fields.append(("Origin", origin)) }
        if let fetchSite { fields.append(("Sec-Fetch-Site", fetchSite)) }
        return await handler.answer(request("POST", action, as: person, body: body, fields: fields))
    }

    /// The body of a form of the page as a browser would send it.
    func form(_ action: String, _ token: String, as person: Person = Person()) async throws -> String {
        let page = await get(as: person).body
        let pattern = try Regex(
            "action=\"/.gatehouse/\(action)\"><input type=\"hidden\" name=\"token\" value=\"\(token)\"><input type=\"hidden\" name=\"key\" value=\"([^\"]+)\"",
            as: (Substring, Substring).self
        )
        guard let match = page.firstMatch(of: pattern) else { throw Missing(form: action, token: token) }
        return "token=\(token)&key=\(match.output.1)"
    }

    struct Missing: Error {
        let form: String
        let token: String
    }

    func kept(_ token: String, of person: Person = Person()) async throws -> TokenGrant? {
        guard let owner = TokenOwner(subject: person.subject) else { return nil }
        let key = GrantKey(try TokenName(parsing: token), owner: owner)
        if case .usable(let grant)? = try await store.grants(of: [key]).grants[key]?.kept { return grant }
        return nil
    }

    /// Goes to the vendor and comes back with a code.
    ///
    /// - Returns: the query of the way back.
    func departed(as person: Person = Person()) async throws -> String {
        let answer = await post("connect", try await form("connect", "notion", as: person), as: person)
        guard let state = answer.body.firstMatch(of: #/state=([A-Za-z0-9_-]+)/#)?.output.1 else {
            throw Missing(form: "departure", token: "\(answer.status.code)")
        }
        return "code=a-code&state=\(state)"
    }
}

extension LocalAnswer {
    func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}
