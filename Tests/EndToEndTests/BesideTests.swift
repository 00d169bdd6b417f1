import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Answers of real servers beside MCP, and whether a caller whom grants limit gets any of them.
@Suite("What an upstream has beside MCP", .needsTools, .timeLimit(.minutes(3)))
struct BesideTests {
    private static func route(_ name: String, _ upstream: String, more: [String]) -> String {
        let lines = [
            "- name: \(name)", "  host: \"*\"", "  path: /\(name)", "  audience: [\"\(TestIssuer.defaultAudience)\"]",
            "  upstream: \(upstream)", "  inject: { X-Secret: \"{token:one}\" }",
        ]
        return (lines + more.map { "  \($0)" }).map { "  \($0)\n" }.joined()
    }

    private static func post(
        _ gateway: Instance,
        _ path: String,
        as user: String,
        session: String? = nil,
        _ body: String
    ) async throws -> CurlResponse {
        let headers = [
            CurlHeader("Accept", "application/json, text/event-stream"), CurlHeader("Content-Type", "application/json"),
        ]
        return try await gateway.request(
            path,
            method: "POST",
            assertion: gateway.assertion(of: user),
            headers: headers + (session.map { [CurlHeader("Mcp-Session-Id", $0)] } ?? []),
            body: body
        )
    }

    private static func reason(_ response: CurlResponse, _ gateway: Instance) async throws -> String? {
        let id = try #require(response.header("x-request-id"))
        return try await gateway.auditRows(of: id, count: 2).compactMap { $0["reason"].text }.last { !$0.isEmpty }
    }

    // MARK: - Apache

    @Test func `Apache answers TRACE with the injected token, so no route forwards it`() async throws {
        let folder = try Tools.Folder()
        let port = try Instance.freePort()
        try folder.write(
            """
            ServerName localhost
            Listen 127.0.0.1:\(port)
            LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
            LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
            User www-data
            Group www-data
            PidFile \(folder.path)/apache.pid
            Mutex pthread
            DefaultRuntimeDir \(folder.path)
            DocumentRoot \(folder.path)
            ErrorLog /dev/stderr

            """,
            to: "apache.conf"
        )
        let apache = try ChildProcess(
            "/usr/sbin/apache2",
            ["-X", "-f", "\(folder.path)/apache.conf"],
            environment: [:]
        )
        let direct = CurlRequest(
            "http://127.0.0.1:\(port)/mcp",
            method: "TRACE",
            headers: [CurlHeader("X-Secret", "an-echoed-value")]
        )
        try await apache.eventually { (try? await CurlClient().perform(direct)) != nil }
        #expect(try await CurlClient().perform(direct).body.text.contains("an-echoed-value"))

        let grants = ["allow: [ { users: [\"\(Instance.limitedUser)\"], tools: [], prompts: [], resources: [] } ]"]
        let upstream = "http://127.0.0.1:\(port)"
        let gateway = try await Instance.start(
            .environment,
            routes: Self.route("mcp", upstream, more: grants) + Self.route("open", upstream, more: [])
                + Self.route("plain", upstream, more: ["protocol: http"])
        )
        for route in ["mcp", "open", "plain"] {
            for method in ["TRACE", "TRACK", "trace"] {
                let response = try await gateway.request(
                    "/\(route)",
                    method: method,
                    assertion: gateway.assertion(of: Instance.limitedUser),
                    headers: [CurlHeader("Accept", "text/event-stream")]
                )
                #expect(response.status == 405, "\(route) \(method)")
                #expect(response.header("allow")?.contains("POST") == true)
                #expect(!response.body.text.contains(Instance.token))
                #expect(try await Self.reason(response, gateway) == "method_denied")
            }
        }
    }

    // MARK: - FastAPI

    private struct Attack: Sendable {
        let method: String
        let path: String
        var accept = "*/*"
        var body: String?
        let status: Int
        let reason: String
    }

    private static let ping = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
    private static let envelope = #"{"jsonrpc":"2.0","id":1,"method":"ping","name":"mine","price":1}"#

    @Test func `somebody limited to one tool gets nothing of the API beside it`() async throws {
        let server = try ChildProcess(
            try Tools.python(.one),
            ["-W", "ignore", Tools.script("beside.py")],
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        )
        let port = try #require(try JSON(parsing: try await server.firstLine())["port"].number)
        let upstream = "http://127.0.0.1:\(port)"
        let grants = [
            "allow:", "  - { users: [\"\(Instance.user)\"] }",
            "  - { users: [\"\(Instance.limitedUser)\"], tools: [get_item], prompts: [], resources: [] }",
        ]
        let gateway = try await Instance.start(
            .environment,
            routes: Self.route("wide", upstream, more: grants)
                + Self.route("narrow", upstream, more: ["mcp: { paths: [/mcp] }"] + grants)
        )
        func received() async throws -> JSON {
            try JSON(parsing: try await CurlClient().perform(CurlRequest("\(upstream)/_received")).body.text)
        }
        for attack in [
            Attack(method: "GET", path: "/wide/items/2", status: 403, reason: "principal_denied"),
            Attack(method: "HEAD", path: "/wide/docs", status: 403, reason: "principal_denied"),
            Attack(method: "OPTIONS", path: "/wide/items", status: 403, reason: "principal_denied"),
            Attack(method: "DELETE", path: "/wide/items/1", status: 404, reason: "path_denied"),
            Attack(method: "DELETE", path: "/wide/mcp", status: 404, reason: "session_unknown"),
            Attack(method: "POST", path: "/wide/items", body: Self.envelope, status: 404, reason: "path_denied"),
            Attack(method: "POST", path: "/wide/items", body: Self.ping, status: 404, reason: "path_denied"),
            Attack(method: "POST", path: "/wide/mcp", body: Self.envelope, status: 400, reason: "rpc_malformed"),
            Attack(method: "PURGE", path: "/wide/items/1", status: 405, reason: "method_denied"),
            Attack(method: "MKCOL", path: "/wide/items", status: 405, reason: "method_denied"),
            Attack(method: "PUT", path: "/wide/items/1", body: Self.envelope, status: 405, reason: "method_denied"),
            Attack(
                method: "GET",
                path: "/narrow/items/2",
                accept: "text/event-stream",
                status: 404,
                reason: "path_denied"
            ),
            Attack(method: "POST", path: "/narrow/items", body: Self.envelope, status: 404, reason: "path_denied"),
        ] {
            let response = try await gateway.request(
                attack.path,
                method: attack.method,
                assertion: gateway.assertion(of: Instance.limitedUser),
                headers: [CurlHeader("Accept", attack.accept)],
                body: attack.body
            )
            #expect(response.status == attack.status, "\(attack)")
            #expect(try await Self.reason(response, gateway) == attack.reason, "\(attack)")
        }
        #expect(try await received()["requests"].elements.isEmpty)

        // It asks for a stream, and the API gives an item all the same.
        let item = try await gateway.request(
            "/wide/items/2",
            assertion: gateway.assertion(of: Instance.limitedUser),
            headers: [CurlHeader("Accept", "text/event-stream")]
        )
        #expect(item.status == 502 && !item.body.text.contains("two"))
        #expect(try await Self.reason(item, gateway) == "upstream_not_mcp")
        let missing = try await gateway.request(
            "/wide/nothing",
            assertion: gateway.assertion(of: Instance.limitedUser),
            headers: [CurlHeader("Accept", "text/event-stream")]
        )
        #expect(missing.status == 404 && missing.body.text.isEmpty)
        #expect(try await received()["items"].elements.map(\.text) == ["one", "two"])
        // A caller without limits gets all of it, unless the route names its endpoints.
        let all = gateway.assertion()
        #expect(try await gateway.request("/wide/items/2", assertion: all).body.text.contains("two"))
        #expect(try await gateway.request("/narrow/items/2", assertion: all).status == 404)
    }

    @Test(arguments: ["wide", "narrow"])
    func `and the tool works, with its session to the end`(route: String) async throws {
        let server = try ChildProcess(
            try Tools.python(.one),
            ["-W", "ignore", Tools.script("beside.py")],
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        )
        let port = try #require(try JSON(parsing: try await server.firstLine())["port"].number)
        let lina = Instance.limitedUser
        let gateway = try await Instance.start(
            .environment,
            routes: Self.route(
                route,
                "http://127.0.0.1:\(port)",
                more: (route == "narrow" ? ["mcp: { paths: [/mcp] }"] : []) + [
                    "allow: [ { users: [\"\(lina)\"], tools: [get_item], prompts: [], resources: [] } ]"
                ]
            )
        )
        let path = "/\(route)/mcp"
        let initialize = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},\
            "clientInfo":{"name":"test","version":"1"}}}
            """
        let opened = try await Self.post(gateway, path, as: lina, initialize)
        #expect(opened.status == 200)
        let session = opened.header("mcp-session-id")
        let note = #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
        #expect(try await Self.post(gateway, path, as: lina, session: session, note).status == 202)
        let list = #"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#
        let tools = try await Self.post(gateway, path, as: lina, session: session, list).body.text
        #expect(tools.contains(#""get_item""#) && !tools.contains(#""delete_item""#))
        for (tool, word) in [("get_item", "two"), ("delete_item", "tool_denied")] {
            let call = """
                {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"\(tool)","arguments":{"number":2}}}
                """
            #expect(try await Self.post(gateway, path, as: lina, session: session, call).body.text.contains(word))
        }
        let ended = try await gateway.request(
            path,
            method: "DELETE",
            assertion: gateway.assertion(of: lina),
            headers: session.map { [CurlHeader("Mcp-Session-Id", $0)] } ?? []
        )
        // A server that keeps no sessions has none to end.
        #expect(session == nil ? ended.status == 404 : ended.status == 200)
        #expect(ended.body.text.isEmpty == (session != nil))
    }
}
