import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

@Suite struct WellKnownTests {
    private static let metadata = ResourceMetadata(
        resource: "https://coda.example/mcp",
        authorizationServers: ["https://team.cloudflareaccess.com"],
        scopes: ["docs"],
        name: "Coda"
    )

    private static func run(metadata: ResourceMetadata?, _ body: (Gateway) async throws -> Void) async throws {
        try await Gateway.run(
            routes: { upstream in
                [
                    try Gateway.route(upstream.url, path: "/mcp", resourceMetadata: metadata),
                    try Gateway.route(upstream.url, name: "all", host: "all.example"),
                ]
            },
            body
        )
    }

    private static func get(_ path: String, host: String, method: String = "GET", _ fields: String...) -> String {
        let lines = ["\(method) \(path) HTTP/1.1", "Host: \(host)"] + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test(arguments: [
        ("all.example", "/.well-known/oauth-protected-resource"), ("all.example", "/.well-known"),
        ("all.example", "/.well-known/oauth-authorization-server/mcp"),
        ("all.example", "/.Well-Known/openid-configuration"),
        ("all.example", "/.well-known;x=1/openid-configuration"), ("all.example", "/.well-known%3bx/y"),
        ("coda.example", "/.well-known/oauth-protected-resource/mcp"),
        ("coda.example", "/mcp/.well-known/oauth-protected-resource"),
    ])
    func `nothing is forwarded there, with an assertion or without`(host: String, path: String) async throws {
        try await Self.run(metadata: nil) { gateway in
            let client = try gateway.client()
            for fields in [[], ["Cf-Access-Jwt-Assertion: alice"]] {
                let lines = ["GET \(path) HTTP/1.1", "Host: \(host)"] + fields
                try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
                let answer = try client.receiveAnswer()
                #expect(answer.status == 404)
                #expect(answer["Content-Type"] == "application/json")
                #expect(answer.text.hasPrefix(#"{"error":"not_found""#))
                #expect(answer["WWW-Authenticate"] == nil)
            }
            #expect(!gateway.upstream.hasConnection)
            #expect(gateway.audit.decisions.allSatisfy { $0.refusal == .routeUnknown && $0.token == nil })
        }
    }

    @Test(arguments: ["/mcp/well-known", "/mcp/x/.well-known", "/mcp/.well-knownish"])
    func `a path that only looks like it is the upstream's`(path: String) async throws {
        try await Self.run(metadata: Self.metadata) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get(path))
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("GET \(path.dropFirst(4)) "))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a route's metadata is served to everybody where RFC 9728 puts it`() async throws {
        try await Self.run(metadata: Self.metadata) { gateway in
            let client = try gateway.client()
            let path = "/.well-known/oauth-protected-resource/mcp"
            try client.send(Self.get(path, host: "coda.example", method: "GET", "Origin: https://anyone.example"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "application/json")
            #expect(answer["Access-Control-Allow-Origin"] == "*")
            #expect(
                answer.text
                    == #"{"resource":"https://coda.example/mcp","authorization_servers":["https://team.cloudflareaccess.com"],"scopes_supported":["docs"],"bearer_methods_supported":["header"],"resource_name":"Coda"}"#
            )
            try client.send(Self.get(path, host: "coda.example", method: "HEAD"))
            let head = try client.receiveAnswer(toHEAD: true)
            #expect(head["Content-Length"] == "\(answer.body.count)")
            try client.send(
                Self.get(
                    path,
                    host: "coda.example",
                    method: "OPTIONS",
                    "Origin: https://anyone.example",
                    "Access-Control-Request-Method: GET",
                    "Access-Control-Request-Headers: mcp-protocol-version"
                )
            )
            let preflight = try client.receiveAnswer()
            #expect(preflight.status == 204 && preflight["Access-Control-Allow-Origin"] == "*")
            #expect(preflight["Access-Control-Allow-Credentials"] == nil)
            #expect(preflight["Access-Control-Allow-Headers"] == "mcp-protocol-version")
            for (method, path) in [
                ("POST", path), ("OPTIONS", path), ("GET", "/.well-known/oauth-protected-resource"),
                ("GET", "/.well-known/oauth-protected-resourceful"), ("GET", "/mcp/.well-known/x"),
            ] {
                try client.send(Self.get(path, host: "coda.example", method: method, "Content-Length: 0"))
                #expect(try client.receiveAnswer().status == 404, "\(method) \(path)")
            }
            #expect(!gateway.upstream.hasConnection)
        }
    }

    @Test func `a 401 tells where the metadata is`() async throws {
        try await Self.run(metadata: Self.metadata) { gateway in
            let client = try gateway.client()
            try client.send(Self.get("/mcp", host: "coda.example"))
            #expect(
                try client.receiveAnswer()["WWW-Authenticate"]
                    == #"Bearer error="invalid_token", resource_metadata="https://coda.example/.well-known/oauth-protected-resource/mcp""#
            )
        }
    }

    @Test(arguments: [
        ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example:8443/x/y", "https://a.example:8443/.well-known/oauth-protected-resource/x/y"),
        ("http://127.0.0.1/x", "http://127.0.0.1/.well-known/oauth-protected-resource/x"),
    ])
    func `the well-known path stands between host and path`(resource: String, url: String) {
        #expect(ResourceMetadata(resource: resource, authorizationServers: []).url == url)
    }
}
