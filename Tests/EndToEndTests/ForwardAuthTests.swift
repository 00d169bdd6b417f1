import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// The examples of docs/FORWARD_AUTH.md, as they stand there but for addresses, in the proxies that Debian has.
@Suite("Forward-auth", .needsTools, .timeLimit(.minutes(3)))
struct ForwardAuthTests {
    enum Proxy: String, CaseIterable, Sendable { case nginx, caddy }

    private final class Seen: Sendable {
        let requests = Mutex<[LoopbackHTTP.Request]>([])
        var last: LoopbackHTTP.Request? { requests.withLock { $0.last } }
        var count: Int { requests.withLock { $0.count } }
    }

    private static func fence(_ language: String) throws -> String {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/FORWARD_AUTH.md").standardizedFileURL
        let text = try String(contentsOf: path, encoding: .utf8)
        return try #require(text.components(separatedBy: "```\(language)\n").dropFirst().first)
            .components(separatedBy: "```")[0]
    }

    /// Starts a proxy with the documented example between `port`, the questions' listener and the application.
    private func start(_ proxy: Proxy, _ folder: Tools.Folder, port: Int, questions: Int, application: String) throws
        -> ChildProcess
    {
        let address = application.replacing("http://", with: "")
        let example = try Self.fence(proxy.rawValue).replacing("127.0.0.1:8081", with: "127.0.0.1:\(questions)")
            .replacing("127.0.0.1:3000", with: address)
        switch proxy {
        case .nginx:
            try folder.write(
                """
                daemon off;
                user root;
                pid \(folder.path)/nginx.pid;
                error_log stderr;
                events {}
                http {
                    access_log off;
                    client_body_temp_path \(folder.path)/body;
                    proxy_temp_path \(folder.path)/proxy;
                    fastcgi_temp_path \(folder.path)/fastcgi;
                    uwsgi_temp_path \(folder.path)/uwsgi;
                    scgi_temp_path \(folder.path)/scgi;
                \(example.replacing("127.0.0.1:8443", with: "127.0.0.1:\(port)"))
                }

                """,
                to: "nginx.conf"
            )
            return try ChildProcess("/usr/sbin/nginx", ["-c", "\(folder.path)/nginx.conf", "-e", "stderr"])
        case .caddy:
            try folder.write(
                "{\n\tadmin off\n\tauto_https off\n}\n"
                    + example.replacing("example.com:8443", with: "example.com:\(port)"),
                to: "Caddyfile"
            )
            return try ChildProcess(
                "/usr/bin/caddy",
                ["run", "--config", "\(folder.path)/Caddyfile", "--adapter", "caddyfile"],
                environment: ["HOME": folder.path]
            )
        }
    }

    private static func routes(_ questions: Int) -> String {
        """
          - name: wiki
            host: wiki.example.com
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: http://127.0.0.1:3000
            protocol: http
            allow: [{ users: ["*@example.com"] }]
          - name: private
            host: wiki.example.com
            path: /private
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: http://127.0.0.1:3000
            protocol: http
            allow: [{ users: ["\(Instance.user)"] }]
          - name: tools
            host: wiki.example.com
            path: /mcp
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: http://127.0.0.1:3000
            inject: { X-Secret: "{token:one}" }
            allow: [{ users: ["\(Instance.user)"] }, { users: ["\(Instance.limitedUser)"], tools: [echo] }]
        forward_auth: 127.0.0.1:\(questions)

        """
    }

    @Test(arguments: Proxy.allCases)
    func `the documented example asks, denies, and hands the identity on`(proxy: Proxy) async throws {
        let seen = Seen()
        let application = try await LoopbackHTTP.start { request in
            seen.requests.withLock { $0.append(request) }
            return LoopbackHTTP.Answer(200, #"{"from":"the application"}"#)
        }
        let (port, questions) = (try Instance.freePort(), try Instance.freePort())
        let instance = try await Instance.start(routes: Self.routes(questions))
        let server = try start(proxy, instance.folder, port: port, questions: questions, application: application.url)
        func request(
            _ path: String,
            method: String = "GET",
            as user: String? = Instance.user,
            _ headers: [CurlHeader] = [],
            body: String? = nil
        ) async throws -> CurlResponse {
            let assertion = user.map { [CurlHeader("Cf-Access-Jwt-Assertion", instance.assertion(of: $0))] } ?? []
            var request = CurlRequest(
                "http://127.0.0.1:\(port)\(path)",
                method: method,
                headers: [CurlHeader("Host", "wiki.example.com")] + assertion + headers,
                body: body.map { CurlBody($0) }
            )
            request.timeout = .seconds(30)
            return try await CurlClient().perform(request)
        }
        try await server.eventually { (try? await request("/"))?.status == 200 }

        // Nobody, and a forged one, get no further than the proxy.
        var before = seen.count
        let nobody = try await request("/page", as: nil)
        #expect(nobody.status == 401 && nobody.header("www-authenticate") != nil)
        #expect(try await request("/page", as: nil, [CurlHeader("Cf-Access-Jwt-Assertion", "a.b.c")]).status == 401)
        #expect(try await request("/page", method: "OPTIONS", as: nil).status == 401)
        #expect(seen.count == before)

        // The identity is Gatehouse's, whatever the client says of itself, and no token comes along.
        let forged = [
            CurlHeader("X-Gatehouse-Principal", "boss@example.com"), CurlHeader("X-Gatehouse-Kind", "service"),
        ]
        #expect(try await request("/page?a=1,2", as: Instance.limitedUser, forged).status == 200)
        let got = try #require(seen.last)
        #expect(got.target == "/page?a=1,2")
        #expect(
            got.headers.filter { $0.name.lowercased() == "x-gatehouse-principal" }.map(\.value) == [
                Instance.limitedUser
            ]
        )
        #expect(got.header("x-gatehouse-kind") == "user" && got.header("x-gatehouse-route") == "wiki")
        #expect(got.header("cf-access-jwt-assertion") == nil)

        // A body goes to the application, and not to Gatehouse.
        let body = String(repeating: "x", count: 100_000)
        #expect(try await request("/form", method: "POST", [], body: body).status == 200)
        #expect(seen.last?.method == "POST" && seen.last?.body.count == body.utf8.count)
        #expect(try await request("/page", method: "HEAD").status == 200)

        // The request that is judged is the one that the proxy forwards, whatever fields the client sends.
        before = seen.count
        for fields in [
            [], [CurlHeader("X-Forwarded-Uri", "/page")], [CurlHeader("X-Forwarded-Host", "other.example.com")],
            [CurlHeader("X-Forwarded-Method", "GET"), CurlHeader("X-Original-Uri", "/page")],
        ] {
            #expect(try await request("/private/x", as: Instance.limitedUser, fields).status == 403)
        }
        #expect(try await request("/page/../private/x", as: Instance.limitedUser).status != 200)
        #expect(try await request("/page/%2e%2e/private/x", as: Instance.limitedUser).status != 200)
        // Who is limited in tools may use none where no body is seen.
        let call = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#
        #expect(try await request("/mcp", method: "POST", as: Instance.limitedUser, [], body: call).status == 403)
        #expect(seen.count == before)
        #expect(try await request("/private/x").status == 200)
        #expect(try await request("/mcp", method: "POST", [], body: call).status == 200)
        #expect(seen.requests.withLock { $0.allSatisfy { !"\($0.headers)".contains(Instance.token) } })

        // The audit has the request, not the question.
        try await instance.eventually {
            let rows = try JSON.rows(
                try await instance.command("audit", "tail", "--events", "--lines", "1000", "--json")
            )
            return rows.contains {
                $0["http_method"].text == "POST" && $0["path"].text == "/mcp" && $0["route"].text == "tools"
                    && $0["reason"].text == "principal_denied" && $0["principal"].text == Instance.limitedUser
            }
        }
        #expect(!server.errors.text.contains("unexpected status"))
    }
}
