import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A restart by two processes that share the listener's port (`reuse_port`).
@Suite("hand-over", .timeLimit(.minutes(4)))
struct HandOverTests {
    private func start(_ upstream: RawListener) async throws -> Instance {
        let routes = Instance.slowRoute(to: upstream.url, "reuse_port: true")
        return try await Instance.start(.environment, routes: routes)
    }

    /// The second instance, once it serves.
    private func successor(of gateway: Instance) async throws -> ChildProcess {
        let process = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", gateway.configuration],
            environment: Instance.environment
        )
        try await process.eventually { process.errors.text.contains("serving") }
        return process
    }

    @Test func `a call in flight ends in the first while the second serves`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let gateway = try await start(upstream)
            let address = RawSocket.Address.tcp(port: gateway.port)
            let request = { (path: String) in
                "GET \(path) HTTP/1.1\r\nHost: a\r\nCf-Access-Jwt-Assertion: \(gateway.assertion())\r\n\r\n"
            }
            let caller = try RawSocket(connectingTo: address)
            try caller.send(request("/slow/call"))
            let call = try upstream.accept()
            _ = try call.receive(through: "\r\n\r\n")

            let second = try await successor(of: gateway)
            gateway.process.send(signal: SIGTERM)
            try await gateway.eventually { gateway.process.errors.text.contains("draining") }
            // The port is never closed: the second serves while the first still has a call.
            let other = try RawSocket(connectingTo: address)
            try other.send(request("/slow/other"))
            let answered = try upstream.accept()
            #expect(try answered.receive(through: "\r\n\r\n").hasPrefix("GET /other "))
            try answered.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
            #expect(try other.receiveAnswer().text == "other")
            #expect(!gateway.process.hasEnded)

            try call.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ncall")
            let answer = try caller.receiveAnswer()
            #expect(answer.text == "call" && answer["Connection"] == "close")
            #expect(await gateway.process.exit() == .code(0))
            // The commands find the one that is left.
            _ = try await gateway.command("health")
            let rows = try await gateway.command("audit", "tail", "--json")
            #expect(rows.contains("/slow/call") && rows.contains("/slow/other"))
            second.send(signal: SIGTERM)
            #expect(await second.exit() == .code(0))
            #expect(try await gateway.command("audit", "verify").contains("ok"))
        }
    }

    /// Clients that keep their connections and clients that make one for each request, over three restarts.
    @Test func `no request fails while one instance takes over from another`() async throws {
        let upstream = try await LoopbackHTTP.start { _ in .init(200, "hi") }
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let routes = Instance.slowRoute(to: upstream.url, "reuse_port: true")
            let gateway = try await Instance.start(.environment, routes: routes)
            let address = RawSocket.Address.tcp(port: gateway.port)
            let request = "GET /slow HTTP/1.1\r\nHost: a\r\nCf-Access-Jwt-Assertion: \(gateway.assertion())\r\n\r\n"
            let isOver = Watched(false)
            let outcomes = Watched<(answered: Int, failed: [String])>((0, []))
            try await withThrowingTaskGroup { group in
                for index in 0..<8 {
                    group.addTask(executorPreference: BlockingExecutor.shared) {
                        var client: RawSocket?
                        while !isOver.read({ $0 }) {
                            do {
                                let socket = try client ?? RawSocket(connectingTo: address)
                                try socket.send(request)
                                let answer = try socket.receiveAnswer()
                                client = answer["Connection"] == "close" || index % 2 == 0 ? nil : socket
                                outcomes.update { outcomes in
                                    if answer.status == 200 {
                                        outcomes.answered += 1
                                    } else {
                                        outcomes.failed.append("\(answer.status)")
                                    }
                                }
                            } catch {
                                client = nil
                                outcomes.update { $0.failed.append("\(error)") }
                            }
                        }
                    }
                }
                var current = gateway.process
                for _ in 0..<3 {
                    let before = outcomes.read { $0.answered }
                    try outcomes.wait("requests") { $0.answered > before + 200 || !$0.failed.isEmpty }
                    let next = try await successor(of: gateway)
                    current.send(signal: SIGTERM)
                    #expect(await current.exit() == .code(0))
                    current = next
                }
                let before = outcomes.read { $0.answered }
                try outcomes.wait("requests") { $0.answered > before + 200 || !$0.failed.isEmpty }
                isOver.update { $0 = true }
                try await group.waitForAll()
                current.send(signal: SIGTERM)
                #expect(await current.exit() == .code(0))
            }
            #expect(outcomes.read { $0.failed } == [])
            // Whatever folder it was recorded in, it reached the sink, and each chain holds.
            let count = outcomes.read { $0.answered }
            #expect(count > 800)
            #expect(try await gateway.command("audit", "verify").contains("ok"))
        }
    }
}
