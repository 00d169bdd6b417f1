import Crypto
import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import CurlClient
@testable import GatehouseTokens

@Suite struct TokenConnectorTests {
    @Test func `somebody is sent to the vendor with all that the RFCs ask for`() async throws {
        let fixture = try ConnectorFixture()
        let fields = try await fixture.begin()
        #expect(fields["tenant"] == "1", "the address's own query is kept")
        #expect(fields["response_type"] == "code")
        #expect(fields["client_id"] == "gatehouse")
        #expect(fields["redirect_uri"] == "https://mcp.example.com/.gatehouse/callback")
        #expect(fields["scope"] == "read write")
        #expect(fields["resource"] == ConnectorFixture.resource)
        #expect(fields["code_challenge_method"] == "S256")
        let state = try #require(fields["state"])
        for secret in ["sub-ada", "idp.example", "notion"] { #expect(!state.contains(secret)) }
        #expect(state.utf8.count < 800)
        let again = try await fixture.begin()
        #expect(again["state"] != state)
        #expect(again["code_challenge"] != fields["code_challenge"])
        #expect(fixture.wire.requests.count == 2, "what was found is remembered")
    }

    @Test func `a code becomes a grant of the person who asked for it`() async throws {
        let fixture = try ConnectorFixture(
            metadata:
                #","revocation_endpoint":"https://idp.example/revoke","userinfo_endpoint":"https://idp.example/me""#
        )
        fixture.wire.answer(
            "https://idp.example/me",
            .init(200, #"{"sub":"1","name":"Ada","email":"ada@vendor.example"}"#)
        )
        fixture.wire.answer(
            "https://idp.example/token",
            .init(200, #"{"access_token":"at-1","refresh_token":"rt-1","expires_in":3600,"token_type":"Bearer"}"#)
        )
        let fields = try await fixture.begin()
        let state = try #require(fields["state"])
        let connected = try await fixture.finish("code=a%2Fcode&state=\(state)")
        #expect(connected.token == ConnectorFixture.token)
        #expect(!connected.wasReplaced)
        let grant = try #require(try await fixture.grant())
        #expect(grant.access.text == "at-1")
        #expect(grant.refresh?.text == "rt-1")
        #expect(grant.expiresAt == fixture.clock.now() + .seconds(3600))
        #expect(grant.person?.email == "ada@example.com")
        #expect(grant.person?.account == "ada@vendor.example")
        #expect(grant.person?.server?.issuer == AuthorizationDiscoveryTests.issuer)
        #expect(grant.person?.server?.tokenURL == "https://idp.example/token")
        #expect(grant.person?.server?.revocationURL == "https://idp.example/revoke")
        #expect(grant.person?.server?.clientID == "gatehouse")
        #expect(try await fixture.kept(ConnectorFixture.eve) == nil)
        // The request, and that its verifier is that of the challenge.
        let request = try #require(fixture.wire.requests.first { $0.hasPrefix("POST https://idp.example/token\n") })
        let body = try #require(FormFields((request.split(separator: "\n").last ?? "").utf8))
        #expect(body["grant_type"] == "authorization_code")
        #expect(body["code"] == "a/code")
        #expect(body["redirect_uri"] == "https://mcp.example.com/.gatehouse/callback")
        #expect(body["resource"] == ConnectorFixture.resource)
        #expect(body["client_secret"] == "shh")
        let digest = SHA256.hash(data: Data((body["code_verifier"] ?? "").utf8))
        #expect(Base64URL.encode(Array(digest)) == fields["code_challenge"])
        // A second one takes the place of the first.
        let later = try #require(try await fixture.begin()["state"])
        #expect(try await fixture.finish("code=2&state=\(later)").wasReplaced)
    }

    @Test func `a replica takes the answer to what another began`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        _ = try await fixture.finish("code=1&state=\(state)", at: fixture.replica)
        #expect(try await fixture.grant()?.access.text == "at-1")
    }

    @Test(arguments: [
        (#"{"access_token":"a"}"#, nil), (#"{"access_token":"a","expires_in":null}"#, nil),
        (#"{"access_token":"a","expires_in":-5}"#, nil), (#"{"access_token":"a","expires_in":0}"#, nil),
        (#"{"access_token":"a","expires_in":"3600"}"#, 3600), (#"{"access_token":"a","expires_in":60}"#, 60 as Int64?),
    ])
    func `the lifetime is what a server can have meant`(body: String, lifetime: Int64?) async throws {
        let fixture = try ConnectorFixture()
        fixture.wire.answer("https://idp.example/token", .init(200, body))
        let state = try #require(try await fixture.begin()["state"])
        _ = try await fixture.finish("code=1&state=\(state)")
        let grant = try #require(try await fixture.grant())
        #expect(grant.expiresAt == lifetime.map { fixture.clock.now() + .seconds($0) })
    }

    // MARK: - What must not be taken

    @Test func `a state is good once`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        _ = try await fixture.finish("code=1&state=\(state)")
        let asked = fixture.wire.requests.count
        #expect(await failure { _ = try await fixture.finish("code=2&state=\(state)") }?.code == .usedState)
        #expect(fixture.wire.requests.count == asked, "no code is shown to anybody")
    }

    @Test func `a state ends after ten minutes`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        fixture.clock.advance(by: .seconds(600))
        #expect(await failure { _ = try await fixture.finish("code=1&state=\(state)") }?.code == .expiredState)
    }

    @Test func `a state is of who began, and is not used up by somebody else`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        let refused = await failure {
            _ = try await fixture.finish("code=1&state=\(state)", for: ConnectorFixture.eve)
        }
        #expect(refused?.code == .otherPerson)
        #expect(try await fixture.kept(ConnectorFixture.eve) == nil)
        _ = try await fixture.finish("code=1&state=\(state)")
    }

    @Test func `a state is of the page from which it began`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        let refused = await failure {
            _ = try await fixture.finish("code=1&state=\(state)", page: "https://other.example/.gatehouse/")
        }
        #expect(refused?.code == .unknownState)
    }

    @Test func `a state that was changed is none`() async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        for text in ["", "x", String(state.dropLast()), "A" + state.dropFirst(), state + "AAAA"] where text != state {
            #expect(await failure { _ = try await fixture.finish("code=1&state=\(text)") }?.code == .unknownState)
        }
    }

    @Test(arguments: ["https://evil.example", "https://idp.example", "https://idp.example/tenant/", ""])
    func `an answer of another issuer is refused`(issuer: String) async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        let refused = await failure { _ = try await fixture.finish("code=1&state=\(state)&iss=\(issuer)") }
        #expect(refused?.code == .mixedUpIssuer)
        #expect(fixture.wire.requests.count == 2, "no code is shown to anybody")
    }

    @Test func `an issuer that names itself has to`() async throws {
        let fixture = try ConnectorFixture(metadata: #","authorization_response_iss_parameter_supported":true"#)
        let state = try #require(try await fixture.begin()["state"])
        #expect(await failure { _ = try await fixture.finish("code=1&state=\(state)") }?.code == .mixedUpIssuer)
        let other = try #require(try await fixture.begin()["state"])
        _ = try await fixture.finish("code=1&state=\(other)&iss=https%3A%2F%2Fidp.example%2Ftenant")
    }

    @Test(arguments: [
        ("access_denied", ConnectFailure.Code.denied, "not granted"), ("server_error", .rejected, "server_error"),
        ("%1b%5B31m", .rejected, "with an error"),
    ])
    func `a vendor's no is said`(error: String, code: ConnectFailure.Code, words: String) async throws {
        let fixture = try ConnectorFixture()
        let state = try #require(try await fixture.begin()["state"])
        let refused = await failure {
            _ = try await fixture.finish("error=\(error)&error_description=words&state=\(state)")
        }
        #expect(refused?.code == code)
        #expect(refused?.message.contains(words) == true)
        #expect(refused?.message.contains("words") == false)
        #expect(refused?.message.contains("\u{1b}") == false)
    }

    @Test(arguments: [
        (400, #"{"error":"invalid_grant","error_description":"a-secret"}"#, ConnectFailure.Code.rejected),
        (401, #"{"error":"invalid_client"}"#, .unavailable), (503, "", .unavailable), (302, "", .unavailable),
        (200, "{}", .unavailable), (200, #"{"access_token":"a\nb"}"#, .unavailable),
    ])
    func `a code that gives nothing is said, and nothing is kept`(
        status: Int,
        body: String,
        code: ConnectFailure.Code
    ) async throws {
        let fixture = try ConnectorFixture()
        fixture.wire.answer("https://idp.example/token", .init(status, body))
        let state = try #require(try await fixture.begin()["state"])
        let refused = await failure { _ = try await fixture.finish("code=a-code&state=\(state)") }
        #expect(refused?.code == code)
        for secret in ["a-secret", "a-code", state] {
            #expect("\(String(describing: refused))".contains(secret) == false)
        }
        #expect(try await fixture.kept() == nil)
    }

    // MARK: - Clients

    @Test func `nobody is sent to the vendor for a client whose secret cannot be read`() async throws {
        let fixture = try ConnectorFixture()
        let client = OAuthClient(id: "c", secret: .read(.file("/nonexistent/secret")), authentication: .basic)
        let connection = try fixture.connection(.registered(client))
        let refused = await failure { _ = try await fixture.begin(by: connection) }
        #expect(refused?.code == .configuration)
        #expect(refused?.isForOperators == true)
    }

    @Test func `a client registers itself once, with all of its pages`() async throws {
        let fixture = try ConnectorFixture(
            metadata:
                #","registration_endpoint":"https://idp.example/register","token_endpoint_auth_methods_supported":["none","client_secret_post"]"#
        )
        fixture.wire.answer(
            "https://idp.example/register",
            .init(201, #"{"client_id":"c-1","client_secret":"s-1","client_secret_expires_at":0}"#)
        )
        let connection = try fixture.connection(.dynamic)
        #expect(try await fixture.begin(by: connection)["client_id"] == "c-1")
        let state = try #require(try await fixture.begin(ConnectorFixture.eve, by: connection)["state"])
        let registrations = fixture.wire.requests.filter { $0.hasPrefix("POST https://idp.example/register\n") }
        #expect(registrations.count == 1)
        let body = try #require(registrations.first?.split(separator: "\n").last)
        let json = try #require(JSONValue(parsing: Array(body.utf8)))
        #expect(json["token_endpoint_auth_method"]?.text == "client_secret_post")
        #expect(
            json["redirect_uris"]?.elements.compactMap(\.text) == [
                "https://mcp.example.com/.gatehouse/callback", "https://other.example/.gatehouse/callback",
            ]
        )
        _ = try await fixture.finish("code=1&state=\(state)", for: ConnectorFixture.eve, by: connection)
        let request = try #require(fixture.wire.requests.last { $0.hasPrefix("POST https://idp.example/token\n") })
        #expect(request.hasSuffix("&client_id=c-1&client_secret=s-1"))
    }

    @Test(arguments: [
        (400, #"{"error":"invalid_redirect_uri"}"#, ConnectFailure.Code.registration), (503, "", .unavailable),
        (201, "{}", .registration),
        (201, #"{"client_id":"c","client_secret":"s","token_endpoint_auth_method":"tls_client_auth"}"#, .registration),
    ])
    func `a registration that fails is said`(status: Int, body: String, code: ConnectFailure.Code) async throws {
        let fixture = try ConnectorFixture(metadata: #","registration_endpoint":"https://idp.example/register""#)
        fixture.wire.answer("https://idp.example/register", .init(status, body))
        let connection = try fixture.connection(.dynamic)
        #expect(await failure { _ = try await fixture.begin(by: connection) }?.code == code)
        // The lease is given back: the next try is not told that another one is under way.
        fixture.wire.answer("https://idp.example/register", .init(201, #"{"client_id":"c-1"}"#))
        #expect(try await fixture.begin(by: connection)["client_id"] == "c-1")
    }

    @Test func `a client whose secret ends registers itself anew in time`() async throws {
        let fixture = try ConnectorFixture(metadata: #","registration_endpoint":"https://idp.example/register""#)
        func register(_ id: String, endingIn seconds: Int64) {
            let end = (fixture.clock.now() + .seconds(seconds)).microseconds / 1_000_000
            let body = #"{"client_id":"\#(id)","client_secret":"s","client_secret_expires_at":\#(end)}"#
            fixture.wire.answer("https://idp.example/register", .init(201, body))
        }
        let connection = try fixture.connection(.dynamic)
        register("c-1", endingIn: 86_400)
        #expect(try await fixture.begin(by: connection)["client_id"] == "c-1")
        register("c-2", endingIn: 172_800)
        #expect(try await fixture.begin(by: connection)["client_id"] == "c-1")
        fixture.clock.advance(by: .seconds(86_400 - 3600))
        #expect(try await fixture.begin(by: connection)["client_id"] == "c-2")
    }

    @Test func `a server that is told takes tokens back, and names itself`() async throws {
        let fixture = try ConnectorFixture()
        fixture.wire.answer("https://vendor.example/token", .init(200, #"{"access_token":"at","refresh_token":"rt"}"#))
        fixture.wire.answer("https://vendor.example/revoke", .init(200, ""))
        let connection = OAuthConnection(
            server: .told(
                OAuthConnection.Told(
                    authorization: try WebURL(parsing: "https://vendor.example/authorize"),
                    token: try WebURL(parsing: "https://vendor.example/token"),
                    revocation: try WebURL(parsing: "https://vendor.example/revoke"),
                    issuer: "https://vendor.example"
                )
            ),
            client: .registered(OAuthClient(id: "gatehouse", secret: nil, authentication: .none))
        )
        for iss in ["", "&iss=https%3A%2F%2Fvendor.example%2F"] {
            let state = try #require(try await fixture.begin(by: connection)["state"])
            let refused = await failure {
                _ = try await fixture.finish("code=1&state=\(state)\(iss)", by: connection)
            }
            #expect(refused?.code == .mixedUpIssuer)
        }
        let state = try #require(try await fixture.begin(by: connection)["state"])
        _ = try await fixture.finish("code=1&state=\(state)&iss=https%3A%2F%2Fvendor.example", by: connection)
        let ending = try await fixture.connector.end(
            ConnectorFixture.token,
            of: ConnectorFixture.ada,
            by: connection
        )
        #expect(ending == .revoked)
        let revoked = fixture.wire.requests.filter { $0.hasPrefix("POST https://vendor.example/revoke\n") }
        #expect(revoked.count == 2)
    }

    @Test func `a server that registers nobody is said`() async throws {
        let fixture = try ConnectorFixture()
        let connection = try fixture.connection(.dynamic)
        #expect(await failure { _ = try await fixture.begin(by: connection) }?.code == .unsupported)
    }

    @Test func `the address of a document is a client's id`() async throws {
        let fixture = try ConnectorFixture()
        let connection = try fixture.connection(.document)
        let fields = try await fixture.begin(by: connection)
        let document = ClientDocument(page: ConnectorFixture.page)
        #expect(fields["client_id"] == document.url)
        let json = try #require(JSONValue(parsing: document.bytes))
        #expect(json["client_id"]?.text == "https://mcp.example.com/.gatehouse/client.json")
        #expect(json["redirect_uris"]?.elements.first?.text == fields["redirect_uri"])
        #expect(json["token_endpoint_auth_method"]?.text == "none")
        let refusing = try ConnectorFixture(metadata: #","client_id_metadata_document_supported":false"#)
        #expect(await failure { _ = try await refusing.begin(by: connection) }?.code == .unsupported)
    }

    // MARK: - The end

    private func connected(_ metadata: String = #","revocation_endpoint":"https://idp.example/revoke""#) async throws
        -> ConnectorFixture
    {
        let fixture = try ConnectorFixture(metadata: metadata)
        let state = try #require(try await fixture.begin()["state"])
        _ = try await fixture.finish("code=1&state=\(state)")
        return fixture
    }

    @Test func `an end is one at the vendor, too`() async throws {
        let fixture = try await connected()
        fixture.wire.answer("https://idp.example/revoke", .init(200, ""))
        let connection = try fixture.connection()
        let ending = try await fixture.connector.end(ConnectorFixture.token, of: ConnectorFixture.ada, by: connection)
        #expect(ending == .revoked)
        #expect(fixture.wire.requests.count { $0.hasPrefix("POST https://idp.example/revoke\n") } == 2)
        #expect(try await fixture.kept() == nil)
    }

    @Test func `a vendor that does not end a token keeps nobody from deleting it`() async throws {
        let fixture = try await connected()
        fixture.wire.answer("https://idp.example/revoke", .init(503, ""))
        let connection = try fixture.connection()
        let ending = try await fixture.connector.end(ConnectorFixture.token, of: ConnectorFixture.ada, by: connection)
        guard case .failed(let failure) = ending else { return #expect(Bool(false), "\(ending)") }
        #expect(failure.code == .unavailable)
        #expect(try await fixture.kept() == nil)
    }

    @Test func `a vendor without revocation is said`() async throws {
        let fixture = try await connected("")
        let connection = try fixture.connection()
        let ending = try await fixture.connector.end(ConnectorFixture.token, of: ConnectorFixture.ada, by: connection)
        #expect(ending == .notOffered)
        #expect(try await fixture.kept() == nil)
    }

    /// Otherwise the renewal's new refresh token would go on living at the vendor, known to nobody.
    @Test func `a token that is being renewed is not ended at the same time`() async throws {
        let fixture = try await connected()
        _ = try await fixture.store.lease(
            GrantKey(ConnectorFixture.token, owner: ConnectorFixture.ada.owner),
            by: "renewer"
        )
        let connection = try fixture.connection()
        let refused = await failure {
            _ = try await fixture.connector.end(ConnectorFixture.token, of: ConnectorFixture.ada, by: connection)
        }
        #expect(refused?.code == .store)
        #expect(try await fixture.kept() != nil)
    }

    @Test func `a pasted token is kept as it is, of whom it is`() async throws {
        let fixture = try ConnectorFixture()
        let value = try TokenValue(validating: Secret("pasted-1"), version: 1)
        let one = try await fixture.connector.keep(pasted: value, as: ConnectorFixture.token, for: ConnectorFixture.ada)
        #expect(!one.wasReplaced)
        let grant = try #require(try await fixture.grant())
        #expect(grant.access.text == "pasted-1")
        #expect(grant.refresh == nil && grant.expiresAt == nil && grant.person?.server == nil)
        #expect(try fixture.files.bytes().range(of: Data("pasted-1".utf8)) == nil)
        let ending = try await fixture.connector.end(ConnectorFixture.token, of: ConnectorFixture.ada, by: nil)
        #expect(ending == .notOffered)
    }
}

@Suite struct ConnectSealTests {
    private let keys = PurposeKeys(current: Secret(Array(repeating: 1, count: 32)))

    @Test func `a sealed text is opened for its use alone`() {
        let seal = ConnectSeal(keys)
        let end = Timestamp(seconds: 5)
        let text = seal.seal(["a", "", "é"], as: .form, until: end)
        #expect(seal.open(text, as: .form) == ConnectSeal.Opened(texts: ["a", "", "é"], endsAt: end))
        for kind in ConnectSeal.Kind.allCases where kind != .form { #expect(seal.open(text, as: kind) == nil) }
        #expect(ConnectSeal(PurposeKeys(current: Secret(Array(repeating: 2, count: 32)))).open(text, as: .form) == nil)
    }

    @Test func `a key that was replaced still opens`() {
        let text = ConnectSeal(keys).seal(["a"], as: .state, until: Timestamp(seconds: 5))
        let newer = PurposeKeys(current: Secret(Array(repeating: 2, count: 32)), older: [keys.current])
        #expect(ConnectSeal(newer).open(text, as: .state)?.texts == ["a"])
    }

    @Test func `marks are remembered up to a bound, those that end last the longest`() {
        let used = UsedOnce()
        let now = Timestamp(seconds: 0)
        for index in 0...UsedOnce.maximum {
            #expect(used.use("\(index)", endingAt: now + .seconds(1 + index), now: now))
        }
        #expect(!used.use("\(UsedOnce.maximum)", endingAt: now + .seconds(1), now: now))
        #expect(!used.use("\(UsedOnce.maximum - 1)", endingAt: now + .seconds(1), now: now))
        #expect(used.use("0", endingAt: now + .seconds(1), now: now), "forgotten")
    }
}

@Suite struct AccountNameTests {
    private func name(_ claims: String) -> String? {
        AccountName.named(byToken: "h." + Base64URL.encode(Array(claims.utf8)) + ".s")
    }

    @Test func `an account is named by what people know it by`() {
        #expect(name(#"{"sub":"1","name":"Ada","email":"ada@v.example"}"#) == "ada@v.example")
        #expect(name(#"{"sub":"1","name":"Ada"}"#) == "Ada")
        #expect(name(#"{"sub":"1"}"#) == nil)
    }

    @Test func `a name that drives a page or a terminal is none`() {
        #expect(name(#"{"email":"a\u001b[31m","name":"Ada"}"#) == "Ada")
        #expect(name(#"{"name":"a\u202eb"}"#) == nil)
        #expect(name(#"{"name":"\#(String(repeating: "a", count: 201))"}"#) == nil)
        #expect(AccountName.named(byToken: "no token") == nil)
        #expect(AccountName.named(byToken: "a.!.c") == nil)
    }
}
