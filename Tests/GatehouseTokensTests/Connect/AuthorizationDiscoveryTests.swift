import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import CurlClient
@testable import GatehouseTokens

@Suite struct AuthorizationDiscoveryTests {
    static let resource = "https://mcp.example/mcp"
    static let issuer = "https://idp.example/tenant"
    static let ofResource = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
    static let ofServer = "https://idp.example/.well-known/oauth-authorization-server/tenant"

    static func metadata(issuer: String = issuer, _ more: String = "") -> String {
        """
        {"issuer":"\(issuer)","authorization_endpoint":"https://idp.example/authorize?tenant=1",
        "token_endpoint":"https://idp.example/token"\(more)}
        """
    }

    static var wire: ScriptedWire {
        ScriptedWire([
            ofResource: .init(200, #"{"resource":"\#(resource)","authorization_servers":["\#(issuer)"]}"#),
            ofServer: .init(200, metadata()),
        ])
    }

    private func find(_ wire: ScriptedWire, _ resource: String = resource) async throws -> AuthorizationServer {
        let url = try WebURL(parsing: resource)
        let reach = IssuerReach.discovered(naming: [url.host])
        return try await AuthorizationDiscovery(reach: reach, authoritiesFile: nil, send: wire.send).server(of: url)
    }

    private func failure(_ wire: ScriptedWire, _ resource: String = resource) async -> ConnectFailure? {
        await #expect(throws: ConnectFailure.self) { _ = try await find(wire, resource) }
    }

    @Test func `a server is found from the metadata of its resource`() async throws {
        let wire = Self.wire
        wire.answer(
            Self.ofServer,
            .init(
                200,
                Self.metadata(
                    """
                    ,"registration_endpoint":"https://idp.example/register","revocation_endpoint":"https://idp.example/revoke",
                    "userinfo_endpoint":null,"code_challenge_methods_supported":["plain","S256"],
                    "authorization_response_iss_parameter_supported":true,"client_id_metadata_document_supported":false,
                    "token_endpoint_auth_methods_supported":["none"]
                    """
                )
            )
        )
        let server = try await find(wire)
        #expect(server.issuer == Self.issuer)
        #expect(server.authorization.text == "https://idp.example/authorize?tenant=1")
        #expect(server.registration?.text == "https://idp.example/register")
        #expect(server.revocation?.text == "https://idp.example/revoke")
        #expect(server.userinfo == nil)
        #expect(server.namesIssuer)
        #expect(server.takesDocuments == false)
        #expect(server.authentications == ["none"])
        #expect(server.resource == Self.resource)
        #expect(wire.lines == ["GET \(Self.ofResource)", "GET \(Self.ofServer)"])
    }

    @Test func `what a server does not say is as the RFC says`() async throws {
        let server = try await find(Self.wire)
        #expect(!server.namesIssuer)
        #expect(server.takesDocuments == nil)
        #expect(server.authentications == ["client_secret_basic"])
    }

    @Test(arguments: [
        "https://idp.example/tenant/.well-known/openid-configuration",
        "https://idp.example/.well-known/openid-configuration/tenant",
    ])
    func `a server of OpenID Connect is found`(place: String) async throws {
        let wire = Self.wire
        wire.answer(Self.ofServer, .init(404, ""))
        wire.answer(place, .init(200, Self.metadata()))
        #expect(try await find(wire).issuer == Self.issuer)
    }

    @Test func `a resource that describes its whole host is asked for by that name`() async throws {
        let wire = Self.wire
        wire.answer(Self.ofResource, .init(404, ""))
        wire.answer(
            "https://mcp.example/.well-known/oauth-protected-resource",
            .init(200, #"{"resource":"https://mcp.example/","authorization_servers":["\#(Self.issuer)"]}"#)
        )
        #expect(try await find(wire).resource == "https://mcp.example/")
    }

    /// As MCP servers were before the version 2025-06-18.
    @Test func `a resource without metadata is its own server`() async throws {
        let wire = ScriptedWire([
            "https://mcp.example/.well-known/oauth-authorization-server":
                .init(200, Self.metadata(issuer: "https://mcp.example"))
        ])
        #expect(try await find(wire).issuer == "https://mcp.example")
    }

    @Test(arguments: [
        ("https://mcp.example/other", ConnectFailure.Code.metadata), ("https://evil.example/mcp", .metadata),
        ("", .metadata),
    ])
    func `the metadata of another resource is refused`(name: String, code: ConnectFailure.Code) async {
        let wire = Self.wire
        wire.answer(
            Self.ofResource,
            .init(200, #"{"resource":"\#(name)","authorization_servers":["\#(Self.issuer)"]}"#)
        )
        #expect(await failure(wire)?.code == code)
        #expect(wire.requests.count == 1)
    }

    @Test(arguments: ["https://idp.example/other", "https://idp.example/tenant/", "https://evil.example", ""])
    func `metadata that names another issuer is refused`(issuer: String) async {
        let wire = Self.wire
        wire.answer(Self.ofServer, .init(200, Self.metadata(issuer: issuer)))
        #expect(await failure(wire)?.code == .otherIssuer)
    }

    @Test func `an empty path is the root`() async throws {
        #expect(AuthorizationServer.isSame("https://a.example", "https://a.example/"))
        #expect(!AuthorizationServer.isSame("https://a.example/b", "https://a.example/b/"))
        #expect(!AuthorizationServer.isSame("https://a.example", "https://A.example"))
    }

    @Test(arguments: [
        ("authorization_endpoint", "http://idp.example/a"), ("token_endpoint", "http://127.0.0.1:8/t"),
        ("token_endpoint", "javascript:alert(1)"), ("revocation_endpoint", "https://user@idp.example/"),
        ("userinfo_endpoint", "https://idp.example/\\\"x"), ("registration_endpoint", "http://idp.example/"),
    ])
    func `an endpoint that is not https is refused`(name: String, value: String) async throws {
        let wire = Self.wire
        let text = Self.metadata().replacing(#/,?\n?"(authorization|token)_endpoint":"[^"]*"/#, with: "")
        let ends = ["authorization_endpoint", "token_endpoint"].filter { $0 != name }.map {
            #","\#($0)":"https://idp.example/x""#
        }.joined()
        wire.answer(Self.ofServer, .init(200, text.dropLast() + ends + #","\#(name)":"\#(value)"}"#))
        let failure = await failure(wire)
        #expect(failure?.code == .metadata)
        #expect(failure?.message.contains(name) == true)
        #expect(failure?.message.contains(value) == false)
    }

    @Test(arguments: ["http://idp.example", "http://127.0.0.1:9/", "ftp://idp.example", "https://idp.example?x=1"])
    func `a resource that names a server over anything but https is refused`(issuer: String) async {
        let wire = Self.wire
        wire.answer(
            Self.ofResource,
            .init(200, #"{"resource":"\#(Self.resource)","authorization_servers":["\#(issuer)"]}"#)
        )
        #expect(await failure(wire)?.code == .metadata)
        #expect(wire.requests.count == 1)
    }

    @Test func `a server without PKCE by SHA-256 is refused`() async {
        let wire = Self.wire
        wire.answer(Self.ofServer, .init(200, Self.metadata(#","code_challenge_methods_supported":["plain"]"#)))
        #expect(await failure(wire)?.code == .unsupported)
    }

    @Test(arguments: [
        (302, "", ConnectFailure.Code.metadata), (503, "", .unavailable), (200, "[]", .metadata),
        (200, #"{"issuer":1,"issuer":2}"#, .metadata),
    ])
    func `a server that gives no metadata is named`(status: Int, body: String, code: ConnectFailure.Code) async {
        for place in [Self.ofResource, Self.ofServer] {
            let wire = Self.wire
            wire.answer(place, .init(status, body, [("Location", "https://evil.example/")]))
            let failure = await failure(wire)
            #expect(failure?.code == code)
            #expect(failure?.message.contains("evil") == false)
        }
    }

    @Test func `what libcurl refuses has a name`() async {
        let wire = Self.wire
        wire.answer(Self.ofServer, .init(CurlError(.refusedAddress, "x")))
        #expect(await failure(wire)?.code == .refusedAddress)
        wire.answer(Self.ofServer, .init(CurlError(.tooLarge, "x")))
        #expect(await failure(wire)?.code == .metadata)
        wire.answer(Self.ofServer, .init(CurlError(.timeout, "x")))
        #expect(await failure(wire)?.code == .unavailable)
    }

    /// Over real connections: a document of 1 MiB, one that redirects, and a name that leads to this machine.
    @Test(.timeLimit(.minutes(1))) func `no more is read or followed than is needed`() async throws {
        let server = try await LoopbackHTTP.start { request in
            switch request.target {
            case "/.well-known/oauth-protected-resource/long": .init(200, String(repeating: " ", count: 1 << 20))
            case "/.well-known/oauth-protected-resource/moved": .init(302, "", [("Location", "/elsewhere")])
            case _: .init(404, "")
            }
        }
        func failure(_ path: String, naming hosts: Set<String>) async throws -> ConnectFailure? {
            let discovery = AuthorizationDiscovery(reach: .discovered(naming: hosts), authoritiesFile: nil)
            let url = try WebURL(parsing: server.url + path)
            return await #expect(throws: ConnectFailure.self) { _ = try await discovery.server(of: url) }
        }
        #expect(try await failure("/long", naming: ["127.0.0.1"])?.message.contains("longer than 65536") == true)
        #expect(try await failure("/moved", naming: ["127.0.0.1"])?.message.contains("redirects (302)") == true)
        #expect(try await failure("/long", naming: ["mcp.example"])?.code == .refusedAddress)
        await server.close()
    }

    @Test func `only named hosts may stand at addresses that are not public`() {
        let reach = IssuerReach.discovered(naming: ["near.example", "localhost"])
        #expect(reach.admitted("https://near.example/") == nil)
        #expect(reach.admitted("https://far.example/")?("10.0.0.1") == false)
        #expect(reach.admitted("https://far.example/")?("198.41.0.4") == true)
        #expect(reach.admitted("http://localhost:80/")?("127.0.0.1") == true)
        #expect(reach.admitted("http://localhost:80/")?("198.41.0.4") == false)
        #expect(reach.admitted("http://127.0.0.1/")?("127.0.0.1") == false)
        #expect(reach.admitted("no URL")?("198.41.0.4") == false)
        #expect(IssuerReach.configured.admitted("https://any.example/") == nil)
    }
}
