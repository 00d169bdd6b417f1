@testable import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseTokens

/// The requests to issuers, and the reading of their answers. The answers of real servers are in the end-to-end tests.
@Suite struct Issuers {
    private let folder: OwnFolder

    init() throws { folder = try OwnFolder("issuer") }

    private func secret(_ text: String) throws -> SecretSource {
        let path = "\(folder.path)/\(UUID().uuidString)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return .file(path)
    }

    /// - Parameter key: in PEM; nil for the key of these tests.
    private func app(over wire: ScriptedWire, key: String? = nil) throws -> GitHubApp {
        var app = GitHubApp(
            app: "12345",
            installation: "678",
            privateKey: try secret(key ?? Self.key.pem),
            api: "https://api.github.com"
        )
        app.send = wire.send
        return app
    }

    private func endpoint(
        _ grant: TokenEndpoint.Grant,
        _ authentication: ClientAuthentication,
        _ wire: ScriptedWire,
        secret: SecretSource? = nil,
        scopes: [String] = [],
        audience: String? = nil,
        resource: String? = nil
    ) -> TokenEndpoint {
        var endpoint = TokenEndpoint(
            "https://idp.example/token",
            grant,
            client: OAuthClient(id: "an id&", secret: secret.map { .read($0) }, authentication: authentication),
            scopes: scopes,
            audience: audience,
            resource: resource
        )
        endpoint.send = wire.send
        return endpoint
    }

    @Test func `an issuer is shown what the RFCs say`() async throws {
        let wire = ScriptedWire(#"{"access_token":"a"}"#)
        let secret = try secret("s:e c\n")
        _ = try await endpoint(
            .clientCredentials,
            .basic,
            wire,
            secret: secret,
            scopes: ["read", "write"],
            audience: "api",
            resource: "https://mcp.example/x"
        ).renew(nil, seed: nil)
        let basic = Data("an%20id%26:s%3Ae%20c".utf8).base64EncodedString()
        #expect(
            wire.requests == [
                """
                POST https://idp.example/token
                Accept: application/json
                Content-Type: application/x-www-form-urlencoded
                Authorization: Basic \(basic)
                grant_type=client_credentials&scope=read%20write&audience=api&resource=https%3A%2F%2Fmcp.example%2Fx
                """
            ]
        )
        let post = ScriptedWire(#"{"access_token":"a"}"#)
        _ = try await endpoint(.refreshToken, .post, post, secret: secret).renew(Secret("r+1"), seed: nil)
        #expect(
            post.requests[0].hasSuffix(
                "\ngrant_type=refresh_token&refresh_token=r%2B1&client_id=an%20id%26&client_secret=s%3Ae%20c"
            )
        )
        let none = ScriptedWire(#"{"access_token":"a"}"#)
        _ = try await endpoint(.refreshToken, .none, none).renew(Secret("r"), seed: nil)
        #expect(none.requests[0].hasSuffix("\ngrant_type=refresh_token&refresh_token=r&client_id=an%20id%26"))
        #expect(!none.requests[0].contains("Authorization"))
    }

    @Test(
        arguments: [
            (302, "", "redirects (302)"), (200, "<html>", "no JSON object"), (503, "{}", "answers 503"),
            (400, #"{"error":"invalid_grant"}"#, "invalid_grant"),
        ]
    )
    func `an issuer that does not give a token is named`(status: Int, body: String, words: String) async throws {
        let wire = ScriptedWire(status: status, body)
        let failure = await #expect(throws: RenewalFailure.self) {
            _ = try await endpoint(.refreshToken, .none, wire).renew(Secret("very-secret"), seed: nil)
        }
        #expect(failure?.message.contains(words) == true)
        #expect("\(String(describing: failure))".contains("very-secret") == false)
    }

    @Test func `an issuer is not asked without the client's secret`() async throws {
        let wire = ScriptedWire(#"{"access_token":"a"}"#)
        let gone = SecretSource.file("/nonexistent/secret")
        let failure = await #expect(throws: RenewalFailure.self) {
            _ = try await endpoint(.clientCredentials, .basic, wire, secret: gone).renew(nil, seed: nil)
        }
        #expect(failure?.message.hasPrefix("the client's secret: /nonexistent/secret cannot be read") == true)
        #expect(wire.requests.isEmpty)
    }

    /// Over plain http nobody but this machine is asked, whatever the name resolves to; the credentials are not sent.
    @Test(.timeLimit(.minutes(1))) func `an issuer over plain HTTP is of this machine alone`() throws {
        let near = IssuerRequest.post("http://localhost:1/token", CurlBody(""), authoritiesFile: nil)
        #expect(near.admitsAddress?("127.0.0.1") == true)
        #expect(near.admitsAddress?("::1") == true)
        #expect(near.admitsAddress?("10.0.0.1") == false)
        #expect(near.timeout == .seconds(10))
        #expect(near.maximumBody == 64 << 10)
        let far = IssuerRequest.post("https://idp.example/token", CurlBody(""), authoritiesFile: nil)
        #expect(far.admitsAddress == nil)
    }

    @Test(
        arguments: [
            (404, "", RenewalFailure.Code.ended, "knows no installation 678"), (403, "", .ended, "suspended"),
            (403, "0", .unavailable, "answers 403"), (401, "", .unavailable, "does not take the app's key"),
            (500, "", .unavailable, "answers 500"),
        ]
    )
    func `the issuer of GitHub says what is wrong`(status: Int, left: String, code: RenewalFailure.Code, words: String)
        async throws
    {
        let wire = ScriptedWire(
            status: status,
            "{}",
            headers: left.isEmpty ? [] : [(name: "x-ratelimit-remaining", value: left)]
        )
        let app = try app(over: wire)
        let failure = await #expect(throws: RenewalFailure.self) { _ = try await app.renew(nil, seed: nil) }
        #expect(failure?.code == code)
        #expect(failure?.message.contains(words) == true)
        #expect(
            wire.requests.first?.hasPrefix("POST https://api.github.com/app/installations/678/access_tokens\n") == true
        )
    }

    @Test(arguments: ["", "-----BEGIN RSA PRIVATE KEY-----\nnot-a-key\n-----END RSA PRIVATE KEY-----\n"])
    func `the issuer of GitHub needs a key, and does not quote it`(pem: String) async throws {
        let wire = ScriptedWire(status: 201, "{}")
        let app = try app(over: wire, key: pem)
        let failure = await #expect(throws: RenewalFailure.self) { _ = try await app.renew(nil, seed: nil) }
        #expect(failure?.message.hasPrefix("the app's private key") == true)
        #expect(failure?.message.contains("not-a-key") == false)
        #expect(wire.requests.isEmpty)
    }

    /// Nine minutes of an assertion that the app's key has signed, as GitHub asks for.
    @Test func `the issuer of GitHub is shown an assertion`() async throws {
        let wire = ScriptedWire(
            status: 201,
            #"{"token":"ghs_1","expires_at":"2025-11-24T17:00:00Z","permissions":{"a":"b"}}"#
        )
        var app = try app(over: wire)
        app.clock = FixedClock(1_764_000_000)
        let grant = try await app.renew(nil, seed: nil)
        #expect(grant.access.text == "ghs_1")
        #expect(grant.expiresAt == Timestamp(seconds: 1_764_003_600))
        let line = try #require(wire.requests.first?.split(separator: "\n").first { $0.hasPrefix("Authorization: ") })
        let parts = line.dropFirst("Authorization: Bearer ".count).split(separator: ".")
        #expect(parts.count == 3)
        func text(_ part: Substring) -> String {
            Array(part.utf8).withUnsafeBytes { String(decoding: Base64URL.decode($0) ?? [], as: UTF8.self) }
        }
        #expect(text(parts[0]) == #"{"alg":"RS256","typ":"JWT"}"#)
        #expect(text(parts[1]) == #"{"iat":1763999940,"exp":1764000540,"iss":"12345"}"#)
        let signature = Self.key.signature(over: Array("\(parts[0]).\(parts[1])".utf8))
        #expect(parts[2] == Base64URL.encode(signature))
    }

    private static let key = TestIssuer.Key(id: "app")
}
