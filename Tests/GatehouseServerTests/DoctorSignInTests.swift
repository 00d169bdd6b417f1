import GatehouseConfig
import GatehouseCore
@testable import GatehouseOperations
@testable import GatehouseServer
import GatehouseTestSupport
import Testing

/// `doctor --public-url`: whether an MCP client finds its way from a 401 to a sign-in.
@Suite(.timeLimit(.minutes(2))) struct TheDoctorOnSigningIn {
    private typealias Answer = LoopbackHTTP.Answer

    /// - Parameter answers: by path, `URL` standing for the server's; 404 for every other one.
    private func found(
        _ first: LoopbackHTTP.Answer,
        _ answers: [String: String] = [:]
    ) async throws -> [Finding] {
        let server = try await LoopbackHTTP.start { request in
            if request.method == "POST" {
                let fields = first.fields.map { field in
                    (field.name, field.value.replacingHost(request.header("host")))
                }
                return Answer(first.status, "{}", fields)
            }
            guard let body = answers[request.target] else { return Answer(404, "{}") }
            return Answer(200, body.replacingHost(request.header("host")))
        }
        let url = server.url + "/mcp"
        let found = await Doctor(try DoctorFixture().configuration(), publicURL: url).signIn(url)
        await server.close()
        #expect(found.allSatisfy { $0.probe == .signIn })
        return found
    }

    private static let challenge = [
        ("WWW-Authenticate", "Bearer realm=\"x\", resource_metadata=\"URL/.well-known/oauth-protected-resource/mcp\"")
    ]
    private static let resource = [
        "/.well-known/oauth-protected-resource/mcp": "{\"resource\":\"URL/mcp\",\"authorization_servers\":[\"URL\"]}"
    ]
    private static let server = """
        {"authorization_endpoint":"URL/a","token_endpoint":"URL/t","registration_endpoint":"URL/r",\
        "code_challenge_methods_supported":["S256"]}
        """

    @Test func `a redirect to a sign-in page fails: no MCP client can follow it`() async throws {
        let page = "https://example.cloudflareaccess.com/cdn-cgi/access/login"
        let found = try await found(Answer(302, "", [("Location", page)]))
        #expect(found.map(\.verdict) == [.fail])
        #expect(found[0].advice?.contains("Managed OAuth") == true)
    }

    @Test func `a whole chain of documents is good`() async throws {
        let answers = Self.resource.merging(["/.well-known/oauth-authorization-server": Self.server]) { $1 }
        let found = try await found(Answer(401, "{}", Self.challenge), answers)
        #expect(found.map(\.verdict) == [.ok, .ok], "\(found)")
    }

    @Test func `a challenge without the parameter leads to the well-known place`() async throws {
        let answers = Self.resource.merging(["/.well-known/oauth-authorization-server": Self.server]) { $1 }
        let found = try await found(Answer(401, "{}", [("WWW-Authenticate", "Bearer")]), answers)
        #expect(found.map(\.verdict) == [.ok, .ok], "\(found)")
    }

    @Test(arguments: [
        ([(String, String)](), "without WWW-Authenticate"), ([("WWW-Authenticate", "Basic")], "is not Bearer"),
    ])
    func `a 401 that names no sign-in fails`(fields: [(String, String)], words: String) async throws {
        let found = try await found(Answer(401, "{}", fields))
        #expect(found.map(\.verdict) == [.fail] && found[0].detail.contains(words))
    }

    @Test(arguments: [
        ([String: String](), "answers 404"),
        (["/.well-known/oauth-protected-resource/mcp": "<html>"], "is not a JSON object"),
        (["/.well-known/oauth-protected-resource/mcp": "{}"], "names no authorization server"),
    ])
    func `a protected resource without its document fails`(answers: [String: String], words: String) async throws {
        let found = try await found(Answer(401, "{}", Self.challenge), answers)
        #expect(found.last?.verdict == .fail && found.last?.detail.contains(words) == true, "\(found)")
    }

    @Test(arguments: [
        ("{\"token_endpoint\":\"x\"}", Finding.Verdict.fail, "authorization_endpoint"),
        ("{\"authorization_endpoint\":\"x\",\"token_endpoint\":\"x\"}", .fail, "PKCE"),
        (
            "{\"authorization_endpoint\":\"x\",\"token_endpoint\":\"x\",\"code_challenge_methods_supported\":[\"S256\"]}",
            .warn, "register"
        ),
    ])
    func `an authorization server without what clients need is named`(
        document: String,
        verdict: Finding.Verdict,
        words: String
    ) async throws {
        let answers = Self.resource.merging(["/.well-known/oauth-authorization-server": document]) { $1 }
        let found = try await found(Answer(401, "{}", Self.challenge), answers)
        #expect(found.last?.verdict == verdict && found.last?.detail.contains(words) == true, "\(found)")
    }

    @Test(arguments: [
        ("https://x.example/mcp", "https://x.example/.well-known/a/mcp"),
        ("https://x.example", "https://x.example/.well-known/a"),
        ("https://x.example/?q=1", "https://x.example/.well-known/a"),
    ])
    func `well-known documents stand between host and path`(url: String, place: String) {
        #expect(Doctor.wellKnown("a", of: url) == place)
    }

    @Test(
        arguments: [
            ("Bearer resource_metadata=\"https://x/y\"", "https://x/y"),
            ("Bearer a=b, Resource_Metadata=https://x", "https://x"),
            ("Bearer xresource_metadata=\"no\"", nil), ("Bearer", nil),
        ] as [(String, String?)]
    )
    func `a challenge's parameter is found by its whole name`(challenge: String, value: String?) {
        #expect(Doctor.parameter("resource_metadata", of: challenge) == value)
    }
}

extension String {
    fileprivate func replacingHost(_ host: String?) -> String { replacing("URL", with: "http://\(host ?? "")") }
}
