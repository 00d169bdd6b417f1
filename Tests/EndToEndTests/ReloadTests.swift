import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

@Suite("A configuration read again", .needsKit, .timeLimit(.minutes(5)))
struct ReloadTests {
    private func ask(_ gateway: Gateway, _ assertion: String) async throws -> Int {
        try await gateway.request("/two", method: "POST", assertion: assertion, body: "{}").status
    }

    private func readiness(_ gateway: Gateway) async throws -> JSON {
        var request = CurlRequest("http://localhost/readyz")
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        request.timeout = .seconds(60)
        return try JSON(parsing: try await CurlClient().perform(request).body.text)
    }

    @Test func `a symlink that moves brings a deny list into force, for verdicts already given too`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Gateway.start(.environment, server)
        let assertion = gateway.assertion()
        let folder = gateway.folder.path
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        #expect(try await ask(gateway, assertion) != 401)
        // No signal is sent in this test.
        let denying = yaml.replacing(
            "  issuer: \(TestIssuer.defaultIssuer)",
            with: "  deny: { users: [\"\(Gateway.user)\"] }\n  issuer: \(TestIssuer.defaultIssuer)"
        )
        try gateway.folder.write(denying, to: "denying.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/next", withDestinationPath: "denying.yaml")
        try #require(rename("\(folder)/next", gateway.configuration) == 0)
        try await gateway.eventually { try await ask(gateway, assertion) == 401 }
        let refused = try await gateway.request("/two", method: "POST", assertion: assertion, body: "{}")
        let id = try #require(refused.header("x-request-id"))
        #expect(try await gateway.auditRows(of: id, count: 1).first?["reason"].text == "assertion_denied")

        // And back again, by a new target.
        try gateway.folder.write(yaml, to: "open.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/next", withDestinationPath: "open.yaml")
        try #require(rename("\(folder)/next", gateway.configuration) == 0)
        try await gateway.eventually { try await ask(gateway, assertion) != 401 }
        #expect(!gateway.process.hasEnded)
    }

    @Test func `a deny list ends the streams of those whom it names and of nobody else`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let routes = """
                  - { name: events, host: "*", audience: ["\(TestIssuer.defaultAudience)"], upstream: "\(upstream.url)" }

                """
            let gateway = try await Gateway.start(.environment, routes: routes)
            func open(_ user: String) throws -> (client: RawSocket, server: RawSocket) {
                let client = try RawSocket(connectingTo: .tcp(port: gateway.port))
                let head = "GET / HTTP/1.1\r\nHost: events.example\r\nAccept: text/event-stream\r\n"
                try client.send("\(head)Cf-Access-Jwt-Assertion: \(gateway.assertion(of: user))\r\n\r\n")
                let server = try upstream.accept()
                _ = try server.receive(through: "\r\n\r\n")
                try server.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "b\r\ndata: one\n\n\r\n"
                )
                _ = try client.receive(through: "data: one\n\n")
                return (client, server)
            }
            let denied = try open(Gateway.user)
            let other = try open(Gateway.limitedUser)
            let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
            let denying = yaml.replacing(
                "  issuer: \(TestIssuer.defaultIssuer)",
                with: "  deny: { users: [\"\(Gateway.user)\"] }\n  issuer: \(TestIssuer.defaultIssuer)"
            )
            try gateway.folder.write(denying, to: "gatehouse.yaml")
            _ = try denied.client.receiveToEnd(orReset: true)
            try other.server.send("b\r\ndata: two\n\n\r\n")
            _ = try other.client.receive(through: "data: two\n\n")
        }
    }

    @Test func `a bad file is refused on the readiness page in words, and what waits for a restart is named`()
        async throws
    {
        let server = try await MCPServer.start(.two)
        let gateway = try await Gateway.start(.environment, server)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(yaml + "nonsense: true\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            let check = try await readiness(gateway)["checks"]["configuration"]
            return check["detail"].text?.contains("unknown key 'nonsense'") ?? false
        }
        #expect(try await readiness(gateway)["ready"] == .bool(true))
        try gateway.folder.write(yaml + "threads: 9\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            let check = try await readiness(gateway)["checks"]["configuration"]
            return check["detail"].text?.contains("threads") ?? false
        }
    }

    @Test func `reloads under load drop nothing`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Gateway.start(.environment, server)
        let assertion = gateway.assertion()
        let usual = try await ask(gateway, assertion)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var statuses: [Int] = []
                    for _ in 0..<25 { statuses.append(try await ask(gateway, assertion)) }
                    return statuses
                }
            }
            for round in 0..<10 {
                let limit = round.isMultiple(of: 2) ? "1MiB" : "2MiB"
                try gateway.folder.write(yaml + "    limits: { body: \(limit) }\n", to: "gatehouse.yaml")
                gateway.process.send(signal: SIGHUP)
                try await gateway.eventually {
                    gateway.process.errors.text.components(separatedBy: "reloaded").count > round + 1
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses == Array(repeating: usual, count: 100))
        #expect(gateway.process.errors.text.contains("reloaded"))
        #expect(!gateway.process.errors.text.contains("not reloaded"))
    }
}
