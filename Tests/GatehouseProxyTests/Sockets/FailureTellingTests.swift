import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The log line, the metric and the audit row of a request that was refused or failed.
@Suite(.timeLimit(.minutes(1))) struct FailureTellingTests {
    private func tally(_ gateway: Gateway) async throws -> [RefusalTally.Line] {
        try await gateway.server.onEachLoop { $0.takeTally() }.flatMap(\.all)
    }

    private func metrics(_ gateway: Gateway) async throws -> LoopMetrics.Snapshot {
        try await gateway.server.onEachLoop { $0.metrics.current }.reduce(into: LoopMetrics.Snapshot()) { $0.add($1) }
    }

    @Test(arguments: [500, 503, 599], [Route.Speech.http, .mcp])
    func `a failure of the upstream is one though its body is passed on`(status: Int, speech: Route.Speech) async throws
    {
        try await Gateway.run(routes: { [try Gateway.route($0.url, speech: speech)] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let server = try gateway.upstream.accept()
            _ = try server.receive(through: "\r\n\r\n")
            try server.send("HTTP/1.1 \(status) Bad\r\nContent-Length: 4\r\n\r\noops")
            let answer = try client.receive(through: "oops")
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            client.close()
            try await gateway.expectNoConnections()
            let outcome = gateway.audit.outcomes.last
            #expect(outcome?.refusal == .upstreamError && outcome?.status == status)
            let coda = try RouteName(parsing: "coda")
            let metrics = try await metrics(gateway)
            #expect(metrics.requests[LoopMetrics.Series(route: coda, reason: .upstreamError, status: status)] == 1)
            #expect(metrics.health[coda]?.isGood == false)
            let lines = try await tally(gateway)
            #expect(lines.map(\.reason) == [.upstreamError] && lines.first?.isFailure == true)
            #expect(lines.first?.subject == .failure("it answered \(status)"))
            // The line is written once.
            #expect(try await tally(gateway).isEmpty)
        }
    }

    @Test func `an upstream that is not there is told with the error of the system`() async throws {
        let dead = try DeadPort()
        try await Gateway.run(routes: { _ in [try Gateway.route("http://127.0.0.1:\(dead.number)")] }) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            _ = try client.receive(through: "upstream_failed")
            client.close()
            try await gateway.expectNoConnections()
            let line = try #require(try await tally(gateway).first)
            #expect(line.reason == .upstreamUnreachable && line.count == 1)
            #expect(line.subject == .failure("connect: Connection refused"))
            let health = try await metrics(gateway).health[try RouteName(parsing: "coda")]
            #expect(health?.lastFailure?.detail == "connect: Connection refused")
        }
    }

    @Test func `refusals are told by reason, route and address, as many as there were`() async throws {
        try await Gateway.run { gateway in
            for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
                let client = try gateway.client()
                try client.send("GET /mcp HTTP/1.1\r\nHost: coda.example\r\nCF-Connecting-IP: \(address)\r\n\r\n")
                _ = try client.receive(through: "unauthenticated")
                client.close()
            }
            try await gateway.expectNoConnections()
            let lines = try await tally(gateway)
            #expect(
                lines.allSatisfy { $0.reason == .assertionMissing && $0.route?.name.text == "coda" && !$0.isFailure }
            )
            let counts = Dictionary(uniqueKeysWithValues: lines.map { ($0.subject, $0.count) })
            #expect(counts == [.address("192.0.2.1"): 2, .address("192.0.2.2"): 1])
        }
    }

    @Test func `addresses beyond the places are told by number, and leave failures theirs`() async throws {
        let dead = try DeadPort()
        try await Gateway.run(routes: { _ in [try Gateway.route("http://127.0.0.1:\(dead.number)")] }) { gateway in
            let client = try gateway.client()
            let many = RefusalTally.places + 8
            for number in 0..<many {
                try client.send(
                    "GET /mcp HTTP/1.1\r\nHost: coda.example\r\nCF-Connecting-IP: 192.0.2.\(number)\r\n\r\n"
                )
                #expect(try client.receiveAnswer().text.contains("unauthenticated"))
            }
            try client.send(Gateway.get())
            _ = try client.receive(through: "upstream_failed")
            client.close()
            try await gateway.expectNoConnections()
            let tally = try #require(try await gateway.server.onEachLoop { $0.takeTally() }.first)
            #expect(tally.all.count { !$0.isFailure } == RefusalTally.places)
            #expect(tally.all.count { $0.isFailure } == 1)
            #expect(tally.beyond == (8, 0))
        }
    }
}
