import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Pages of other sites: `Origin`, preflights, and what a page may read of an answer.
@Suite struct BrowserTests {
    private static let app = "https://app.example.com"
    private static let grant = ["Access-Control-Allow-Origin": app, "Access-Control-Allow-Credentials": "true"]

    private static func run(cors: Bool = true, _ body: (Gateway) async throws -> Void) async throws {
        try await Gateway.run(
            routes: { upstream in
                let origins = [try Origin(parsing: app), try Origin(parsing: "http://localhost:5173")]
                return [try Gateway.route(upstream.url, cors: cors ? CORS(origins: origins) : nil)]
            },
            body
        )
    }

    private static func preflight(_ fields: String...) -> String {
        (["OPTIONS /mcp HTTP/1.1", "Host: coda.example"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test func `a preflight of an admitted origin is answered without an assertion, and recorded`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(
                Self.preflight(
                    "Origin: \(Self.app)",
                    "Access-Control-Request-Method: POST",
                    "Access-Control-Request-Headers: content-type, mcp-session-id, mcp-param-region"
                )
            )
            let answer = try client.receiveAnswer()
            #expect(answer.status == 204)
            for (name, value) in Self.grant { #expect(answer.values(name) == [value]) }
            #expect(answer["Access-Control-Allow-Methods"] == "GET, POST, DELETE, HEAD, OPTIONS")
            #expect(answer["Access-Control-Allow-Headers"] == "content-type, mcp-session-id, mcp-param-region")
            #expect(answer["Access-Control-Max-Age"] == "600")
            #expect(answer["Vary"] == "Origin, Access-Control-Request-Headers")
            #expect(answer["Content-Length"] == nil)
            #expect(answer["X-Request-Id"]?.count == 32)
            let decision = try #require(gateway.audit.decisions.first)
            #expect(decision.refusal == nil && decision.principal == nil && decision.method == "OPTIONS")
            #expect(try gateway.audit.waitForOutcomes().first?.status == 204)
            // The connection goes on, and nothing went upstream.
            #expect(!gateway.upstream.hasConnection)
            _ = try gateway.exchange(client)
        }
    }

    @Test(arguments: [
        "", "Access-Control-Request-Headers: x\"y",
        "Access-Control-Request-Headers: \(String(repeating: "a", count: 1025))",
    ])
    func `fields that are not worth repeating are answered with those that MCP knows`(line: String) async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            let fields = ["Origin: \(Self.app)", "Access-Control-Request-Method: POST"] + (line.isEmpty ? [] : [line])
            let lines = ["OPTIONS /mcp HTTP/1.1", "Host: coda.example"] + fields
            try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 204)
            let named = try #require(answer["Access-Control-Allow-Headers"])
            #expect(named.contains("Mcp-Session-Id") && named.contains("Authorization") && !named.contains("\""))
        }
    }

    @Test(arguments: [
        "https://evil.example", "https://app.example.com.evil.example", "https://app.example.com:444",
        "http://app.example.com", "null", "https://APP.example.com", "https://coda.example",
    ])
    func `a preflight of any other origin is refused without a word to the page`(origin: String) async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(Self.preflight("Origin: \(origin)", "Access-Control-Request-Method: POST"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 403)
            #expect(answer["Access-Control-Allow-Origin"] == nil)
            #expect(gateway.audit.decisions.map(\.refusal) == [.originDenied])
        }
    }

    @Test func `a route without cors, or an OPTIONS that is no preflight, wants an assertion`() async throws {
        try await Self.run(cors: false) { gateway in
            let client = try gateway.client()
            try client.send(Self.preflight("Origin: \(Self.app)", "Access-Control-Request-Method: POST"))
            #expect(try client.receiveAnswer().status == 401)
        }
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(Self.preflight("Origin: \(Self.app)"))
            #expect(try client.receiveAnswer().status == 401)
            try client.send(Self.preflight("Access-Control-Request-Method: POST"))
            #expect(try client.receiveAnswer().status == 401)
            #expect(gateway.audit.decisions.map(\.refusal) == [.assertionMissing, .assertionMissing])
        }
    }

    @Test func `answers tell an admitted page what it may read, once, whatever the upstream says`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp", as: "alice", "Origin: \(Self.app)"))
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(!head.contains("Origin"))
            try connection.send(
                "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\naccess-control-max-age: 9\r\nX-Mine: 1\r\n"
                    + "Vary: Accept\r\nMcp-Session-Id: abc\r\nContent-Length: 2\r\n\r\n{}"
            )
            let answer = try client.receiveAnswer()
            for (name, value) in Self.grant { #expect(answer.values(name) == [value]) }
            #expect(answer["Access-Control-Max-Age"] == nil)
            #expect(answer["Access-Control-Expose-Headers"]?.contains("Mcp-Session-Id") == true)
            #expect(answer.values("Vary").contains("Origin") && answer.values("Vary").contains("Accept"))
            #expect(answer["X-Mine"] == "1" && answer.text == "{}")
        }
    }

    @Test func `a refusal reaches the page, and a program without an origin gets no such lines`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send("GET /mcp HTTP/1.1\r\nHost: coda.example\r\nOrigin: \(Self.app)\r\n\r\n")
            let refusal = try client.receiveAnswer()
            #expect(refusal.status == 401)
            for (name, value) in Self.grant { #expect(refusal.values(name) == [value]) }
            try client.send("GET /mcp HTTP/1.1\r\nHost: coda.example\r\n\r\n")
            #expect(try client.receiveAnswer()["Access-Control-Allow-Origin"] == nil)
        }
    }

    /// wire.md section 2: `Origin` is checked against the route's hosts, then dropped.
    @Test(arguments: [
        ("https://coda.example", 200), ("https://CODA.example:8443", 200), ("http://coda.example", 200),
        ("https://evil.example", 403), ("https://coda.example.evil.example", 403), ("null", 403), ("", 403),
        ("https://coda.example@evil.example", 403), ("https://coda.example/", 403), ("coda.example", 403),
        ("https://evil.example?coda.example", 403), ("file://coda.example", 403),
    ])
    func `an origin is the route's own host or refused`(origin: String, status: Int) async throws {
        try await Self.run(cors: false) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp", as: "alice", "Origin: \(origin)"))
            if status == 200 {
                let connection = try gateway.upstream.accept()
                #expect(!(try connection.receive(through: "\r\n\r\n")).lowercased().contains("\r\norigin:"))
                try connection.send(Gateway.okay)
            }
            #expect(try client.receiveAnswer().status == status)
            #expect(gateway.audit.decisions.map(\.refusal) == [status == 200 ? nil : .originDenied])
        }
    }
}
