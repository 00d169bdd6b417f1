import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Each step's refusal as the client sees it and the audit records it.
@Suite struct RefusalSocketTests {
    struct Body: Decodable {
        let error: String
        let message: String
        let requestID: String

        enum CodingKeys: String, CodingKey {
            case error, message
            case requestID = "request_id"
        }
    }

    /// Checks one refusal's form, and that it went upstream to nobody.
    @discardableResult
    private func expectRefusal(_ reason: Reason, _ answer: RawAnswer, _ gateway: Gateway) throws -> ScriptedAudit.Event
    {
        #expect(answer.status == reason.status)
        #expect(answer["Content-Type"] == "application/json")
        let body = try JSONDecoder().decode(Body.self, from: Data(answer.body))
        #expect(body.error == reason.publicCode.rawValue)
        #expect(answer.values("X-Request-Id") == [body.requestID])
        for word in ["404", "405", "Not Found", "Unauthorized"] {
            #expect(!body.message.contains(word))
            #expect(!body.requestID.contains(word))
        }
        let decision = try #require(gateway.audit.decisions.last)
        #expect(decision.refusal == reason)
        #expect(decision.requestID.description == body.requestID)
        let outcome = try #require(gateway.audit.outcomes.last)
        #expect(outcome.requestID == decision.requestID)
        #expect(outcome.status == reason.status)
        #expect(outcome.refusal == reason)
        #expect(outcome.ending == .complete)
        return decision
    }

    @Test func `every step refuses and keeps the connection`() async throws {
        let grants = Policy(grants: [
            Grant(users: [Glob("alice@*")], serviceTokens: [], tools: nil, prompts: nil, resources: nil)
        ])
        try await Gateway.run(routes: { upstream in
            [
                try Gateway.route(upstream.url, policy: grants, limits: RouteLimits(body: 100)),
                try Gateway.route(upstream.url, name: "tokenless", host: "other.example"),
            ]
        }) { gateway in
            let client = try gateway.client()
            let host = "Host: coda.example"
            let cases: [(Reason, String)] = [
                (.assertionMissing, "GET /mcp HTTP/1.1\r\n\(host)\r\n\r\n"),
                (.assertionDuplicate, Gateway.get("/mcp", "Cf-Access-Jwt-Assertion: alice")),
                (.assertionDuplicate, Gateway.get("/mcp", as: "alice, alice")),
                (.assertionSignature, Gateway.get(as: "forged")),
                (.assertionMalformed, Gateway.get(as: "nonsense")),
                (.principalDenied, Gateway.get(as: "bob")),
                (.originDenied, Gateway.get("/mcp", "Origin: https://evil.example")),
                (.originDenied, Gateway.get("/mcp", "Origin: null")),
                (.routeUnknown, "GET /mcp HTTP/1.1\r\nHost: nobody.example\r\n\r\n"),
                (.bodyTooLarge, Gateway.post(body: String(repeating: "x", count: 101))),
                (.tokenUnavailable, "GET / HTTP/1.1\r\nHost: other.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n"),
            ]
            for (reason, request) in cases {
                try client.send(request)
                let answer = try client.receiveAnswer()
                #expect(answer["Connection"] == nil)
                #expect(answer.values("WWW-Authenticate").isEmpty == (reason.status != 401))
                try expectRefusal(reason, answer, gateway)
            }
            #expect(!gateway.upstream.hasConnection)
            #expect(gateway.audit.decisions.count == cases.count)
            _ = try gateway.exchange(client)
        }
    }

    @Test func `the connection survives a refused body up to the bound`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let full = String(repeating: "x", count: ExchangeMachine.droppedBody)
            try client.send(Gateway.post(as: "forged", body: full))
            try expectRefusal(.assertionSignature, client.receiveAnswer(), gateway)
            let half = ExchangeMachine.droppedBody / 2
            let hex = String(half, radix: 16)
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"], as: "forged"))
            try client.send("\(hex)\r\n\(full.prefix(half))\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n")
            try expectRefusal(.assertionSignature, client.receiveAnswer(), gateway)
            // The answer comes before the body does.
            try client.send(Gateway.request("POST", ["Content-Length: 5"], as: "forged"))
            try expectRefusal(.assertionSignature, client.receiveAnswer(), gateway)
            try client.send("12345")
            _ = try gateway.exchange(client)
        }
    }

    @Test func `a longer body closes the connection after the answer`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let long = String(repeating: "x", count: ExchangeMachine.droppedBody + 1)
            try client.send(Gateway.post(as: "forged", body: long))
            let answer = try client.receiveAnswer()
            #expect(answer["Connection"] == "close")
            try expectRefusal(.assertionSignature, answer, gateway)
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    @Test func `a chunked body beyond the bound closes in the middle`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"], as: "forged"))
            try expectRefusal(.assertionSignature, client.receiveAnswer(), gateway)
            let chunk = "8000\r\n" + String(repeating: "x", count: 0x8000) + "\r\n"
            try? client.send(chunk + chunk + chunk)
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
        }
    }

    @Test func `a client that waits for 100 (Continue) is closed`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 4", "Expect: 100-continue"], as: "forged"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 401)
            #expect(answer["Connection"] == "close")
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    @Test func `a refused HEAD has no body`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("HEAD", as: "forged"))
            let answer = try client.receiveAnswer(toHEAD: true)
            #expect(answer.status == 401)
            #expect((answer["Content-Length"].flatMap { Int($0) } ?? 0) > 0)
            _ = try gateway.exchange(client)
        }
    }

    @Test func `an unknown key waits for the refresh and then passes`() async throws {
        try await Gateway.run { gateway in
            gateway.callers.leaveUndecided("rotated", then: .caller(ScriptedCallers.person("new@example.com")))
            let client = try gateway.client()
            try client.send(Gateway.get(as: "rotated"))
            try gateway.callers.waitUntilUndecided()
            #expect(gateway.audit.events.isEmpty)
            #expect(!gateway.upstream.hasConnection)
            gateway.callers.settleKeys()
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(gateway.audit.decisions.first?.principal == "new@example.com")
        }
    }

    @Test func `a request that waited for keys is judged by the configuration that is in force then`() async throws {
        try await Gateway.run { gateway in
            let closed = try Gateway.route(gateway.upstream.url, policy: Policy(grants: []))
            let elsewhere = try Gateway.route(gateway.upstream.url, host: "other.example")
            for (round, (route, status)) in [(closed, 403), (elsewhere, 404)].enumerated() {
                gateway.server.replaceSnapshot(try Gateway.snapshot([try Gateway.route(gateway.upstream.url)]))
                gateway.callers.leaveUndecided("rotated", then: .caller(ScriptedCallers.person("new@example.com")))
                let client = try gateway.client()
                try client.send(Gateway.get(as: "rotated"))
                try gateway.callers.waitUntilUndecided(round + 1)
                gateway.server.replaceSnapshot(try Gateway.snapshot([route]))
                gateway.callers.settleKeys()
                #expect(try client.receiveAnswer().status == status)
            }
            #expect(gateway.audit.decisions.map(\.refusal) == [.principalDenied, .routeUnknown])
        }
    }

    @Test func `an unknown key that stays unknown is refused`() async throws {
        try await Gateway.run { gateway in
            gateway.callers.leaveUndecided("stranger", then: .refused(.assertionKeyUnknown))
            let client = try gateway.client()
            // A second request is behind the first: it is read after it.
            try client.send(Gateway.get(as: "stranger") + Gateway.get(as: "forged"))
            try gateway.callers.waitUntilUndecided()
            gateway.callers.settleKeys()
            #expect(try client.receiveAnswer().status == 401)
            #expect(try client.receiveAnswer().status == 401)
            #expect(gateway.audit.decisions.map(\.refusal) == [.assertionKeyUnknown, .assertionSignature])
        }
    }

    @Test func `a client that leaves while keys are awaited is forgotten`() async throws {
        try await Gateway.run { gateway in
            gateway.callers.leaveUndecided("rotated", then: .caller(ScriptedCallers.person("new@example.com")))
            let client = try gateway.client()
            try client.send(Gateway.get(as: "rotated"))
            try gateway.callers.waitUntilUndecided()
            client.close()
            try await gateway.expectNoConnections()
            gateway.callers.settleKeys()
            _ = try gateway.exchange(try gateway.client())
            #expect(gateway.audit.decisions.count == 1)
        }
    }

    @Test func `keys that never settle end the wait`() async throws {
        try await Gateway.run { gateway in
            gateway.callers.leaveUndecided("rotated", then: .refused(.assertionKeyUnknown))
            let client = try gateway.client()
            try client.send(Gateway.get(as: "rotated"))
            try expectRefusal(.keysUnavailable, client.receiveAnswer(), gateway)
            gateway.callers.settleKeys()
            _ = try gateway.exchange(client)
        }
    }

    @Test func `nothing is forwarded before the decision is durable`() async throws {
        try await Gateway.run { gateway in
            gateway.audit.answer(.pending)
            let client = try gateway.client()
            try client.send(Gateway.post(body: "transfer"))
            try gateway.audit.waitUntilPending()
            #expect(gateway.audit.decisions.count == 1)
            #expect(!gateway.upstream.hasConnection)
            gateway.audit.settle(durable: true)
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\ntransfer")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a reused connection sees nothing before the decision is durable, either`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let connection = try gateway.exchange(client)
            gateway.audit.answer(.pending)
            try client.send(Gateway.get("/second"))
            try gateway.audit.waitUntilPending()
            #expect(try connection.pendingBytes() == 0)
            gateway.audit.settle(durable: true)
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("GET /second "))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test(arguments: [true, false])
    func `a decision that cannot be recorded is not forwarded`(late: Bool) async throws {
        try await Gateway.run { gateway in
            gateway.audit.answer(late ? .pending : .unavailable)
            let client = try gateway.client()
            try client.send(Gateway.get())
            if late {
                try gateway.audit.waitUntilPending()
                gateway.audit.settle(durable: false)
            }
            let answer = try client.receiveAnswer()
            #expect(answer.status == 503)
            #expect(answer.text.contains(#""error":"unavailable""#))
            #expect(gateway.audit.outcomes.last?.refusal == .auditUnavailable)
            #expect(!gateway.upstream.hasConnection)
            gateway.audit.answer(.recorded)
            _ = try gateway.exchange(client)
        }
    }
}
