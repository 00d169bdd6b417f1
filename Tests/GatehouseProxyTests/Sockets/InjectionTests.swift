import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The header fields that the upstream gets in place of the client's.
@Suite struct InjectionTests {
    /// Sends one GET with these fields and returns the head that the upstream got.
    private func head(
        _ fields: [String],
        to target: String = "/mcp",
        route: @escaping (String) throws -> Route = { try Gateway.route($0) }
    ) async throws -> String {
        var head = ""
        try await Gateway.run(routes: { [try route($0.url)] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("GET", fields, to: target))
            let connection = try gateway.upstream.accept()
            head = try connection.receive(through: "\r\n\r\n")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
        return head
    }

    /// The values of a field, whatever its case, read as servers that fold `_` into `-` do.
    private func values(_ name: String, in head: String) -> [String] {
        head.split(separator: "\r\n").dropFirst().compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts[0].lowercased().replacing("_", with: "-") == name.lowercased() else { return nil }
            return parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
    }

    @Test func `the injected header arrives once, whatever the client sends`() async throws {
        let head = try await head([
            "X-Coda-Api-Key: mine", "x-coda-api-key: mine", "X_Coda_Api_Key: mine", "x-coda_api-key: mine",
            "X-CODA-API-KEY:mine",
        ])
        #expect(values("x-coda-api-key", in: head) == [Gateway.token])
        #expect(!head.contains("mine"))
    }

    @Test(arguments: [
        "Authorization: Bearer leak", "authorization: leak", "Proxy-Authorization: leak", "Proxy-Connection: leak",
        "Cf-Access-Client-Id: leak", "cf-access-client-secret: leak", "CF_ACCESS_TOKEN: leak",
        "cf_access_jwt_assertion: leak", "Cf-Access-Authenticated-User-Email: leak", "Keep-Alive: leak", "TE: leak",
        "Cookie: CF_Authorization=leak", "Connection: X-Hop\r\nX-Hop: leak", "Origin: https://coda.example",
        "X-Request-Id: leak", "X_Request_Id: leak", "Accept-Encoding: leak", "Connection: close, x-a\r\nX-A: leak",
    ])
    func `fields that must not pass do not`(lines: String) async throws {
        let head = try await head([lines])
        #expect(!head.contains("leak"))
        #expect(!head.contains("coda.example"))
        #expect(!head.lowercased().contains("cf-access"))
        #expect(!head.lowercased().contains("cf_access"))
        #expect(values("x-coda-api-key", in: head) == [Gateway.token])
    }

    @Test(arguments: [
        (["sales"], "sales"), (["sales", "field"], "sales,field"), (["größe, x"], "größe, x"), (nil, nil),
        (["a,b", "c"], nil),
        ([" a"], nil), (["a "], nil), (["a\tb"], "a\tb"), (["a\r\nX-Evil: b"], nil), (["a\u{0}"], nil),
        ([String(repeating: "x", count: 4096)], String(repeating: "x", count: 4096)),
        ([String(repeating: "x", count: 4097)], nil),
    ])
    func `a claim is injected as it is, or the request is refused`(texts: [String]?, value: String?) async throws {
        let path = try MemberPath(parsing: "custom.department")
        try await Gateway.run(
            routes: { [try Gateway.route($0.url, inject: ["X-Department": "{claim:custom.department}"])] }
        ) { gateway in
            gateway.callers["carol"] = .caller(
                Caller(
                    principal: Principal(kind: .user, name: "carol@example.com"),
                    attributes: CallerAttributes(claims: texts.map { [path: $0] } ?? [:]),
                    expiresAt: Timestamp(seconds: 4_102_444_800),
                    keyID: "k1"
                )
            )
            let client = try gateway.client()
            let request = Gateway.request("GET", ["X-Department: mine"], to: "/mcp", as: "carol")
            guard let value else {
                let answer = try gateway.refused(client, request)
                #expect(answer.status == 403 && gateway.audit.decisions.first?.refusal == .claimMissing)
                return
            }
            try client.send(request)
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(values("x-department", in: head) == [value])
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `fields that may pass do`() async throws {
        let lines = [
            "X-Forwarded-For: 192.0.2.1", "Cf-Ray: r", "Cf-Connecting-Ip: 192.0.2.1", "Accept: text/event-stream",
            "Mcp-Session-Id: s", "traceparent: 00-00000000000000000000000000000001-0000000000000002-01",
            "User-Agent: probe", "X-Else: a, b",
        ]
        let head = try await head(lines)
        for line in lines { #expect(head.contains("\r\n\(line)\r\n")) }
        #expect(values("accept-encoding", in: head) == ["identity"])
        #expect(values("host", in: head).count == 1)
    }

    @Test func `only the cookie of Access is taken out`() async throws {
        let head = try await head(["Cookie: a=1; CF_Authorization=secret; b=CF_Authorization"])
        #expect(values("cookie", in: head) == ["a=1; b=CF_Authorization"])
    }

    @Test func `the prefix is replaced by the upstream's path`() async throws {
        let route = { (url: String) in try Gateway.route(url + "/base", path: "/coda") }
        #expect(try await head([], to: "/coda/x?y=%20", route: route).hasPrefix("GET /base/x?y=%20 HTTP/1.1\r\n"))
        #expect(try await head([], to: "/coda", route: route).hasPrefix("GET /base HTTP/1.1\r\n"))
    }

    @Test func `the host is the upstream's unless preserved`() async throws {
        #expect(values("host", in: try await head([]))[0].hasPrefix("127.0.0.1:"))
        let preserved = try await head([], route: { try Gateway.route($0, preservesHost: true) })
        #expect(values("host", in: preserved) == ["coda.example"])
    }

    @Test func `values may name the caller`() async throws {
        let head = try await head([
            "X-Who: root", "x_who: root",
        ]) {
            try Gateway.route(
                $0,
                inject: ["Authorization": "Bearer {token}", "X-Who": "{email}/{subject}/{principal}"]
            )
        }
        #expect(values("authorization", in: head) == ["Bearer \(Gateway.token)"])
        #expect(values("x-who", in: head) == ["alice@example.com/sub-alice@example.com/alice@example.com"])
    }

    /// An upstream behind Access itself gets the route's own service token, whatever the client sends under its names.
    @Test func `a service token of the route's takes the place of the client's`() async throws {
        let head = try await head([
            "CF-Access-Client-Id: leak", "cf_access_client_secret: leak", "Cf-Access-Client-Id: leak",
            "Cf-Access-Token: leak",
        ]) {
            try Gateway.route(
                $0,
                inject: ["CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "{token}"]
            )
        }
        #expect(values("cf-access-client-id", in: head) == ["id.access"])
        #expect(values("cf-access-client-secret", in: head) == [Gateway.token])
        #expect(!head.contains("leak"))
    }

    @Test func `the assertion is handed on where a route says so`() async throws {
        let head = try await head(["Cf-Access-Token: leak"]) {
            try Gateway.route(
                $0,
                inject: ["Cf-Access-Token": "{assertion}", "Authorization": "Bearer {token} {assertion}"]
            )
        }
        #expect(values("cf-access-token", in: head) == ["alice"])
        #expect(values("authorization", in: head) == ["Bearer \(Gateway.token) alice"])
        #expect(!head.lowercased().contains("cf-access-jwt"))
    }

    @Test func `the route's own strips apply`() async throws {
        let strip = Route.Strip(headers: [try HeaderPattern(parsing: "X-Coda-*")], query: ["coda_api_key"])
        let head = try await head(
            ["X-Coda-Base-Url: http://evil", "x_coda_other: y"],
            to: "/x?a=1&coda_api%5Fkey=k&coda_api_key=k&b=2"
        ) {
            try Gateway.route($0, inject: ["Authorization": "{token}"], strip: strip)
        }
        #expect(head.hasPrefix("GET /x?a=1&b=2 HTTP/1.1\r\n"))
        #expect(!head.lowercased().contains("coda-base"))
        #expect(!head.lowercased().contains("coda_other"))
    }

    @Test func `a location of the upstream's own is made public`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(
                "HTTP/1.1 302 Found\r\nLocation: \(gateway.upstream.url)/login\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
            )
            let answer = try client.receiveAnswer()
            #expect(answer["Location"] == "https://coda.example/login")
            #expect(answer.values("Set-Cookie") == ["a=1", "b=2"])
        }
    }
}
