import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Upstreams by name, with a name server that is slow, loses packets, falls silent or does not know the name.
@Suite(
    "Names of upstreams",
    .needsTools,
    .enabled(if: getuid() == 0, "a name server needs port 53, and its own resolv.conf a mount namespace: root's"),
    .timeLimit(.minutes(2))
)
struct NamesTests {
    @Test func `calls that come at once share one look-up, however slow`() async throws {
        let fixture = try await NamesFixture.start()
        try await fixture.names.say("delay 0.2")
        #expect(try await fixture.call("/one", times: 40) == Array(repeating: 200, count: 40))
        // One for each family of addresses.
        #expect(try await fixture.names.say("count") <= 2)
    }

    @Test func `a lost packet costs two seconds and no call`() async throws {
        let fixture = try await NamesFixture.start()
        try await fixture.names.say("drop 2")
        #expect(try await fixture.call("/one", times: 4) == Array(repeating: 200, count: 4))
    }

    @Test func `a stopped container's name does not hold up another route`() async throws {
        let fixture = try await NamesFixture.start()
        try await fixture.names.say("unknown one.test")
        async let stopped = fixture.call("/one", times: 32)
        try await fixture.gateway.eventually { try await fixture.names.say("count") > 0 }
        let began = ContinuousClock.now
        #expect(try await fixture.call("/two", times: 4) == Array(repeating: 200, count: 4))
        // The name that is not there takes two seconds alone, and more for each family and search domain.
        #expect(ContinuousClock.now - began < .seconds(2))
        #expect(try await stopped == Array(repeating: 502, count: 32))
    }

    /// A container that was made anew, while calls keep its former address in use: what was idle there would be reused for ever.
    @Test func `a name that moved is followed, however busy its connections are`() async throws {
        let fixture = try await NamesFixture.start()
        func address() async throws -> String {
            let response = try await fixture.gateway.request("/kept", assertion: fixture.gateway.assertion())
            #expect(response.status == 200)
            return String(decoding: response.body.bytes, as: UTF8.self)
        }
        #expect(try await address() == "127.0.0.1")
        try await fixture.names.say("move 127.0.0.2")
        try await fixture.gateway.eventually { try await address() == "127.0.0.2" }
    }

    @Test func `a silent name server fails no call while the last answer is a minute old`() async throws {
        let fixture = try await NamesFixture.start()
        #expect(try await fixture.call("/one", times: 1) == [200])
        let before = try await fixture.names.say("silent")
        // The answer grows old after seconds: then it is asked for again, in vain.
        try await fixture.gateway.eventually {
            #expect(try await fixture.call("/one", times: 1) == [200])
            return try await fixture.names.say("count") > before
        }
        #expect(try await fixture.call("/one", times: 4) == Array(repeating: 200, count: 4))
    }
}

/// Gatehouse with three routes to one server under two names.
private final class NamesFixture: Sendable {
    let gateway: Instance
    let names: NameServer

    static func start() async throws -> NamesFixture {
        let names = try await NameServer.start()
        let routes = ["one", "two"].map { name in
            """
              - name: \(name)
                host: "*"
                path: /\(name)
                audience: ["\(TestIssuer.defaultAudience)"]
                protocol: http
                upstream: http://\(name).test:\(names.port)/\(name)

            """
        }
        let kept = """
              - name: kept
                host: "*"
                path: /kept
                audience: ["\(TestIssuer.defaultAudience)"]
                protocol: http
                upstream: http://kept.test:\(names.kept)

            """
        let gateway = try await Instance.start(routes: routes.joined() + kept, nameServer: names.address)
        return NamesFixture(gateway, names)
    }

    private init(_ gateway: Instance, _ names: NameServer) {
        self.gateway = gateway
        self.names = names
    }

    /// Calls over sockets of their own: the tests' HTTP client makes only ``CurlClient/maximumRunning`` at once, and those of other tests would wait
    /// behind the slow ones of these.
    ///
    /// - Returns: the status of each call, all made at once.
    func call(_ path: String, times: Int) async throws -> [Int] {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let request =
                "GET \(path) HTTP/1.1\r\nHost: a\r\nCf-Access-Jwt-Assertion: \(gateway.assertion())\r\nConnection: close\r\n\r\n"
            let clients = try (0..<times).map { _ in try RawSocket(connectingTo: .tcp(port: gateway.port)) }
            for client in clients { try client.send(request) }
            return try clients.map { try $0.receiveAnswer().status }
        }
    }
}

private final class NameServer: Sendable {
    let address: String
    /// The port of the HTTP server beside it.
    let port: Int
    /// The port of the server that keeps connections.
    let kept: Int
    private let process: ChildProcess
    private let lines: LineCounter

    static func start() async throws -> NameServer {
        // An address of its own, so that tests do not meet on its one port.
        let address = "127.\(Int.random(in: 16...254)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
        let process = try ChildProcess(try Tools.python(.two), [Tools.script("names.py"), address])
        let ready = try JSON(parsing: try await process.firstLine())
        return NameServer(
            address,
            try #require(ready["port"].number),
            kept: try #require(ready["kept"].number),
            process
        )
    }

    private init(_ address: String, _ port: Int, kept: Int, _ process: ChildProcess) {
        self.address = address
        self.port = port
        self.kept = kept
        self.process = process
        lines = LineCounter()
    }

    /// - Returns: the number of queries so far.
    @discardableResult
    func say(_ words: String) async throws -> Int {
        let line = await lines.next()
        try process.write("\(words)\n")
        var answer: Substring?
        try await process.eventually {
            let all = process.output.text.split(separator: "\n", omittingEmptySubsequences: false)
            // The last piece is a line that is not whole yet.
            answer = all.dropLast().dropFirst(line).first
            return answer != nil
        }
        return try #require(try JSON(parsing: String(answer ?? ""))["queries"].number)
    }
}

private actor LineCounter {
    private var count = 0

    func next() -> Int {
        count += 1
        return count
    }
}
