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

    /// Its admin socket was at the path already.
    @Test func `a second that cannot start leaves the path of the admin socket to the first`() async throws {
        let upstream = try RawListener()
        let gateway = try await start(upstream)
        let taken = try RawListener()
        let text = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let other = text.replacing(#/(?m)^listen: .*$/#, with: "listen: \(taken.url.dropFirst(7))")
        #expect(other != text)
        try gateway.folder.write(other, to: "other.yaml")
        let second = try ChildProcess(
            Tools.gatehouse,
            ["serve", "--config", "\(gateway.folder.path)/other.yaml"],
            environment: Instance.environment
        )
        #expect(await second.exit() != .code(0))
        #expect(second.errors.text.contains("another process listens there"))
        _ = try await gateway.command("health")
        let status = try await gateway.command("status", "--json")
        #expect(status.contains(#""ready""#), "\(status)")
    }

    /// Clients that keep their connections and clients that make one for each request, all the while.
    private final class Load {
        struct Outcomes {
            var answered = 0
            var failed: [String] = []
        }

        private let isOver = Watched(false)
        private let outcomes = Watched(Outcomes())
        private let address: RawSocket.Address
        private let request: String

        init(_ gateway: Instance) {
            address = .tcp(port: gateway.port)
            request = "GET /slow HTTP/1.1\r\nHost: a\r\nCf-Access-Jwt-Assertion: \(gateway.assertion())\r\n\r\n"
        }

        func during(_ body: () async throws -> Void) async throws -> Outcomes {
            try await withThrowingTaskGroup { group in
                for index in 0..<8 {
                    let (isOver, outcomes, address, request) = (isOver, outcomes, address, request)
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
                defer { isOver.update { $0 = true } }
                try await body()
                isOver.update { $0 = true }
                try await group.waitForAll()
            }
            return outcomes.read { $0 }
        }

        /// Returns when some more requests were answered, or one failed.
        func goesOn() throws {
            let before = outcomes.read { $0.answered }
            try outcomes.wait("requests") { $0.answered > before + 200 || !$0.failed.isEmpty }
        }
    }

    private func end(_ process: ChildProcess) async {
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0), "\(process.errors.text)")
    }

    @Test func `no request fails while one instance takes over from another`() async throws {
        let upstream = try await LoopbackHTTP.start { _ in .init(200, "hi") }
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let routes = Instance.slowRoute(to: upstream.url, "reuse_port: true")
            let gateway = try await Instance.start(.environment, routes: routes)
            let load = Load(gateway)
            var current = gateway.process
            let outcomes = try await load.during {
                for _ in 0..<3 {
                    try load.goesOn()
                    let next = try await successor(of: gateway)
                    await end(current)
                    current = next
                }
                try load.goesOn()
            }
            await end(current)
            #expect(outcomes.failed == [])
            // Whatever folder it was recorded in, it reached the sink, and each chain holds.
            #expect(outcomes.answered > 800)
            #expect(try await gateway.command("audit", "verify").contains("ok"))
        }
    }

    /// `docs/FLEET.md`, "On one machine": the one that gets all new connections ends first, and nobody has come to take over from it.
    @Test func `no request fails while each of two that stand beside each other is restarted`() async throws {
        let upstream = try await LoopbackHTTP.start { _ in .init(200, "hi") }
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let routes = Instance.slowRoute(to: upstream.url, "reuse_port: true")
            let gateway = try await Instance.start(.environment, routes: routes)
            var (older, newer) = (gateway.process, try await successor(of: gateway))
            let load = Load(gateway)
            let outcomes = try await load.during {
                for _ in 0..<2 {
                    try load.goesOn()
                    await end(newer)
                    try load.goesOn()
                    // The admin socket leads to the one that is left.
                    _ = try await gateway.command("health")
                    newer = try await successor(of: gateway)
                    try load.goesOn()
                    await end(older)
                    older = newer
                    newer = try await successor(of: gateway)
                }
                try load.goesOn()
            }
            #expect(outcomes.failed == [])
            await end(newer)
            // What needs the key of the instance finds it, too, once it has seen that it is alone.
            try await older.eventually { (try? await gateway.command("reload")) != nil }
            await end(older)
            #expect(try await gateway.command("audit", "verify").contains("ok"))
        }
    }

    /// Sessions that were opened before the first instance is replaced go on in all that follow.
    @Test(.needsTools) func `no call of an SDK fails while one instance takes over from another`() async throws {
        let servers = (try await MCPServer.start(.one), try await MCPServer.start(.two))
        let options = "reuse_port: true\nlimits: { drain: 3s }\n"
        let gateway = try await Instance.start(.sqlite, servers.0, servers.1, routes: options)
        let clients = try [(SDK.one, "legacy"), (.two, "legacy"), (.two, "modern")].map { sdk, mode in
            try ChildProcess(
                try Tools.python(sdk),
                [Tools.script("ongoing.py"), "\(gateway.url)/\(sdk.route)", "--mode", mode],
                environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "ASSERTION": gateway.assertion()]
            )
        }
        /// Returns when every client has had more answers, or one has failed.
        func goesOn() async throws {
            for client in clients {
                let before = client.output.text.utf8.count
                try await client.eventually { client.output.text.utf8.count > before + 9 }
            }
        }
        var current = gateway.process
        for _ in 0..<3 {
            try await goesOn()
            let next = try await successor(of: gateway)
            try await goesOn()
            await end(current)
            current = next
        }
        try await goesOn()
        for client in clients {
            client.closeInput()
            #expect(await client.exit() == .code(0), "\(client.errors.text)")
            let told = try JSON(parsing: String(client.output.text.split(separator: "\n").last ?? ""))
            #expect(told["failures"].elements.isEmpty, "\(client.name): \(told["failures"])")
            #expect(told["answered"]["echo"].number ?? 0 > 100 && told["answered"]["slow"].number ?? 0 > 3)
        }
        await end(current)
        #expect(try await gateway.command("audit", "verify").contains("ok"))
    }
}
