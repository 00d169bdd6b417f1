import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// The authorization server, the API and the stand-in for GitHub of authorization.py.
final class AuthorizationServer: Sendable {
    static let clientSecret = "s3cret:with/odd characters"

    struct Asked: Equatable, Sendable {
        let kind: String
        let status: Int
    }

    let url: String
    private let process: ChildProcess

    /// - Parameters:
    ///   - lifetime: of an access token, in seconds.
    ///   - key: whose key an app signs with.
    static func start(_ folder: Tools.Folder, lifetime: Int, key: TestIssuer.Key) async throws -> AuthorizationServer {
        try folder.write(key.pem, to: "app.pem")
        try folder.write(clientSecret + "\n", to: "client-secret")
        for name in ["app.pem", "client-secret"] { chmod("\(folder.path)/\(name)", 0o600) }
        let process = try ChildProcess(
            try #require(Tools.pythonAuthorization),
            [Tools.script("authorization.py"), "\(lifetime)", "\(folder.path)/app.pem"],
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "AUTHLIB_INSECURE_TRANSPORT": "1"]
        )
        let ready = try JSON(parsing: try await process.firstLine())
        return AuthorizationServer(port: try #require(ready["port"].number), process)
    }

    private init(port: Int, _ process: ChildProcess) {
        url = "http://127.0.0.1:\(port)"
        self.process = process
    }

    /// A first refresh token, as somebody's consent gives it.
    func grant() async throws -> String {
        try await CurlClient().perform(CurlRequest(url + "/_grant", method: "POST")).body.text
    }

    var asked: [Asked] {
        get async throws {
            let text = try await CurlClient().perform(CurlRequest(url + "/_asked")).body.text
            return try JSON(parsing: text).elements.map {
                Asked(kind: $0["kind"].text ?? "", status: $0["status"].number ?? 0)
            }
        }
    }

    /// Every token that the API was shown.
    var seen: [String] {
        get async throws {
            let text = try await CurlClient().perform(CurlRequest(url + "/_seen")).body.text
            return try JSON(parsing: text).elements.compactMap(\.text)
        }
    }

    func count(_ kind: String) async throws -> Int { try await asked.count { $0.kind == kind } }

    func set(_ state: String) async throws {
        var request = CurlRequest(url + "/_state", method: "POST", body: CurlBody(state))
        request.headers = [CurlHeader("Content-Type", "application/json")]
        let answer = try await CurlClient().perform(request)
        #expect(answer.status == 200)
    }

    /// RFC 7009, as somebody who leaves does it at the vendor.
    func revoke(_ token: String) async throws {
        let basic = Data("gatehouse:s3cret%3Awith%2Fodd%20characters".utf8).base64EncodedString()
        var request = CurlRequest(url + "/revoke", method: "POST", body: CurlBody("token=\(token)"))
        request.headers = [
            CurlHeader("Content-Type", "application/x-www-form-urlencoded"),
            CurlHeader("Authorization", "Basic \(basic)"),
        ]
        let answer = try await CurlClient().perform(request)
        #expect(answer.status == 200)
    }
}

extension Tools {
    /// An interpreter that has authlib.
    static let pythonAuthorization = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PYTHON_AUTHLIB"]
}

extension Trait where Self == ConditionTrait {
    static var needsAuthlib: Self {
        .enabled(
            if: Tools.pythonAuthorization != nil && Tools.python2 != nil,
            "GATEHOUSE_TEST_PYTHON_AUTHLIB names no interpreter; deploy/test.sh provides it"
        )
    }
}
