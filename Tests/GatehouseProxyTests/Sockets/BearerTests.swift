import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

@Suite struct BearerTests {
    private static func bearer(_ name: String, routes: Set<RouteName>? = nil) -> Caller {
        Caller(
            principal: Principal(kind: .bearer, name: name, subject: "id-\(name)"),
            expiresAt: Timestamp(seconds: 4_102_444_800),
            keyID: "",
            routes: routes
        )
    }

    private static func run(_ body: (Gateway) async throws -> Void) async throws {
        try await Gateway.run(
            routes: { upstream in
                [
                    try Gateway.route(upstream.url, policy: Policy(grants: []), credentials: [.access, .bearer]),
                    try Gateway.route(upstream.url, name: "closed", host: "closed.example"),
                ]
            }
        ) { gateway in
            gateway.callers["gh_night"] = .caller(bearer("night"))
            gateway.callers["gh_other"] = .caller(bearer("other", routes: []))
            gateway.callers["gh_old"] = .refused(.bearerExpired)
            try await body(gateway)
        }
    }

    private static func get(_ fields: String..., host: String = "coda.example") -> String {
        (["GET /mcp HTTP/1.1", "Host: \(host)"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test(arguments: ["Bearer gh_night", "bearer gh_night", "BEARER   gh_night"])
    func `a bearer opens its route whatever grants there are, and goes no further`(value: String) async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(Self.get("Authorization: \(value)"))
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(!head.contains("gh_night") && !head.lowercased().contains("authorization"))
            #expect(head.contains("X-Coda-Api-Key: \(Gateway.token)\r\n"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            let decision = try #require(gateway.audit.decisions.first)
            #expect(decision.principal == "night" && decision.refusal == nil)
        }
    }

    @Test(arguments: [
        ([], 401, Reason.assertionMissing),
        (["Authorization: Basic Z2g6eA=="], 401, .assertionMissing),
        (["Authorization: Bearer"], 401, .assertionMissing),
        (["Authorization: Bearer gh_nobody"], 401, .bearerUnknown),
        (["Authorization: Bearer gh_old"], 401, .bearerExpired),
        (["Authorization: Bearer gh_night, Bearer gh_night"], 401, .bearerUnknown),
        (["Authorization: Bearer gh_night", "Authorization: Bearer gh_night"], 401, .bearerUnknown),
        (["Authorization: Bearer gh_night", "Connection: authorization"], 401, .assertionMissing),
        (["Authorization: Bearer alice"], 401, .bearerUnknown),
        // One for other routes is known, and may not be here.
        (["Authorization: Bearer gh_other"], 403, .principalDenied),
        // A bad assertion is not rescued, and a good one is judged by itself.
        (["Authorization: Bearer gh_night", "Cf-Access-Jwt-Assertion: forged"], 401, .assertionSignature),
        (["Authorization: Bearer gh_night", "Cf-Access-Jwt-Assertion: alice"], 403, .principalDenied),
        // An assertion field is no place for a bearer.
        (["Cf-Access-Jwt-Assertion: gh_nobody"], 401, .assertionMalformed),
    ])
    func `what is no bearer of this route is refused`(fields: [String], status: Int, reason: Reason) async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            let lines = ["GET /mcp HTTP/1.1", "Host: coda.example"] + fields
            try client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == status)
            #expect(gateway.audit.decisions.map(\.refusal) == [reason])
            #expect(answer["WWW-Authenticate"] == (status == 401 ? #"Bearer error="invalid_token""# : nil))
            if fields == ["Authorization: Bearer gh_other"] {
                #expect(gateway.audit.decisions.first?.principal == "other")
            }
        }
    }

    @Test func `a route that does not say so takes no bearer`() async throws {
        try await Self.run { gateway in
            let client = try gateway.client()
            try client.send(Self.get("Authorization: Bearer gh_night", host: "closed.example"))
            #expect(try client.receiveAnswer().status == 401)
            #expect(gateway.audit.decisions.map(\.refusal) == [.assertionMissing])
        }
    }

    @Test func `a stream ends when its bearer is revoked`() async throws {
        try await Self.run { gateway in
            let caller = Self.bearer("night")
            gateway.callers["gh_night"] = .caller(caller)
            let client = try gateway.client()
            try client.send(Self.get("Authorization: Bearer gh_night"))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            try connection.send(head + "9\r\ndata: 1\n\n\r\n")
            _ = try client.receive(through: "data: 1\n\n\r\n")
            caller.revoke()
            #expect(String(decoding: try client.receiveToEnd(), as: UTF8.self).hasSuffix("0\r\n\r\n"))
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
        }
    }
}
