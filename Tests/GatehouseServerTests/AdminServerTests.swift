import GatehouseCore
import GatehouseTestSupport
import Glibc
import SocketLoop
import Testing

@testable import GatehouseServer

/// The admin listener against clients that mean it no good: byte for byte over its socket.
@Suite("The admin listener", .timeLimit(.minutes(2)))
struct AdminServerTests {
    private static let page = String(repeating: "x", count: 2000)

    /// Runs the body where blocking starves nobody.
    private func serve(
        bounds: LocalServer.Bounds = LocalServer.Bounds(),
        page: String = page,
        _ body: (RawSocket.Address) throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let loop = try EpollLoop.start(named: "admin")
            let server = try await LocalServer.start(
                on: .tcp(host: "127.0.0.1", port: 0),
                loop: loop,
                bounds: bounds
            ) { request in
                LocalAnswer(
                    body: request.path == "/page" ? page : "\(request.method) \(request.path) \(request.host ?? "-")"
                )
            }
            let outcome = Result { try body(.tcp(port: server.port ?? 0)) }
            await server.close()
            await loop.stop()
            try outcome.get()
        }
    }

    private static func get(_ path: String = "/", _ fields: String = "") -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n"
    }

    @Test func `requests of one connection are answered in their order`() async throws {
        try await serve { address in
            let client = try RawSocket(connectingTo: address)
            try client.send(Self.get("/1") + Self.get("/2?q") + Self.get("/3").replacing("GET", with: "HEAD"))
            let first = try client.receiveAnswer()
            #expect(first.status == 200 && first.text == "GET /1 localhost")
            #expect(first["Cache-Control"] == "no-store" && first["X-Content-Type-Options"] == "nosniff")
            #expect(try client.receiveAnswer().text == "GET /2 localhost")
            let head = try client.receiveAnswer(toHEAD: true)
            #expect(head.status == 200 && head["Content-Length"] == "17")
            try client.send(Self.get("/4", "Connection: close\r\n"))
            #expect(try client.receiveAnswer()["Connection"] == "close")
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    /// As load balancers ask for health.
    @Test func `who ends its side after a request is answered`() async throws {
        try await serve { address in
            let client = try RawSocket(connectingTo: address)
            try client.send(Self.get("/page"))
            client.shutdownWriting()
            #expect(try client.receiveAnswer().body.count == Self.page.utf8.count)
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    @Test func `a request of HTTP 1_0 needs no host`() async throws {
        try await serve { address in
            let client = try RawSocket(connectingTo: address)
            try client.send("GET /healthz HTTP/1.0\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.text == "GET /healthz -" && answer["Connection"] == "close")
            #expect(try client.receiveToEnd().isEmpty)
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", 400), ("nonsense\r\n\r\n", 400), ("GET http://a/ HTTP/1.0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n", 431),
        ("GET /\(String(repeating: "x", count: 9000)) HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ])
    func `what is no request is answered and ends the connection`(request: String, status: Int) async throws {
        try await serve { address in
            let client = try RawSocket(connectingTo: address)
            try client.send(request)
            let answer = try client.receiveAnswer()
            #expect(answer.status == status && answer["Connection"] == "close")
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
        }
    }

    @Test func `a body within the bound is read, in pieces and in chunks`() async throws {
        var bounds = LocalServer.Bounds()
        bounds.body = 8
        try await serve(bounds: bounds) { address in
            let client = try RawSocket(connectingTo: address)
            try client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n")
            try client.receive(exactly: "HTTP/1.1 100 Continue\r\n\r\n")
            try client.send("1234")
            try client.send("5678POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
            #expect(try client.receiveAnswer().text == "POST /a a")
            #expect(try client.receiveAnswer().text == "POST /b a")
        }
    }

    /// 50,000 pipelined requests took 441 MiB of a server that read them all before it answered.
    @Test func `what a client does not take the answers of is left in the kernel`() async throws {
        let request = Array(Self.get("/page").utf8)
        // Doubled, because to join 400,000 arrays takes a debug build half a minute of a busy machine.
        var all = request
        while all.count < 16 << 20 { all += all }
        var bounds = LocalServer.Bounds()
        // A busy machine takes its time to send so much.
        bounds.writeTimeout = .seconds(100)
        try await serve(bounds: bounds) { address in
            let client = try RawSocket(connectingTo: address, receiveBuffer: 4096)
            let taken = try client.sendUntilStalled(all, quiet: 2)
            // Kernel buffers of both sides; 16 MiB of requests and 800 MB of answers there would be.
            #expect(taken < 12 << 20)
            // Another client is served all the while.
            let other = try RawSocket(connectingTo: address)
            try other.send(Self.get())
            #expect(try other.receiveAnswer().status == 200)
            // Requests that the server has taken are answered, once the client reads. Through so small a buffer each takes its time.
            for _ in 0..<100 { #expect(try client.receiveAnswer().body.count == Self.page.utf8.count) }
        }
    }

    @Test func `who holds every connection with half a request keeps nobody out`() async throws {
        var bounds = LocalServer.Bounds()
        bounds.connections = 8
        try await serve(bounds: bounds) { address in
            let slow = try (0..<100).map { _ in
                let client = try RawSocket(connectingTo: address)
                try client.send("GET / HTTP/1.1\r\nHost: loc")
                return client
            }
            for _ in 0..<20 {
                let client = try RawSocket(connectingTo: address)
                try client.send(Self.get("/healthz"))
                #expect(try client.receiveAnswer().status == 200)
            }
            // The first ones had to go.
            #expect(try slow[0].receiveToEnd(orReset: true).isEmpty)
        }
    }

    @Test(arguments: ["", "GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n1"])
    func `a request that does not come in time ends its connection`(begun: String) async throws {
        var bounds = LocalServer.Bounds()
        bounds.requestTimeout = .milliseconds(200)
        bounds.body = 8
        try await serve(bounds: bounds) { address in
            let client = try RawSocket(connectingTo: address)
            try client.send(begun)
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
        }
    }

    @Test func `dripping gives a request no more time`() async throws {
        var bounds = LocalServer.Bounds()
        bounds.requestTimeout = .milliseconds(500)
        try await serve(bounds: bounds) { address in
            let client = try RawSocket(connectingTo: address)
            try client.send("GET / HTTP/1.1\r\nX:")
            try Self.awaitEnd(of: client)
        }
    }

    @Test func `a client that takes nothing of an answer is closed`() async throws {
        var bounds = LocalServer.Bounds()
        bounds.writeTimeout = .milliseconds(200)
        try await serve(bounds: bounds, page: String(repeating: "x", count: 32 << 20)) { address in
            let client = try RawSocket(connectingTo: address, receiveBuffer: 4096)
            try client.send(Self.get("/page"))
            // The end is seen without reading anything: sending to it fails.
            try Self.awaitEnd(of: client)
        }
    }

    /// A closed peer answers what is sent with a reset.
    private static func awaitEnd(of client: RawSocket) throws {
        let end = ContinuousClock.now + .seconds(45)
        while ContinuousClock.now < end {
            do {
                _ = try client.sendUntilStalled([UInt8](repeating: 0x20, count: 1), quiet: 0.05)
            } catch is SocketFailure {
                return
            }
            usleep(50_000)
        }
        Issue.record("the connection stands")
    }

    @Test func `its unix socket is its group's, and not taken from who listens there`() async throws {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max))-admin.sock"
        defer { unlink(path) }
        let address = try Endpoint(parsing: "unix:\(path)")
        let loop = try EpollLoop.start(named: "admin")
        let server = try await AdminServer.start(on: address, loop: loop) { _ in nil }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
        await #expect(throws: SocketError.self) {
            _ = try await AdminServer.start(on: address, loop: loop) { _ in nil }
        }
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let client = try RawSocket(connectingTo: .unix(path: path))
            try client.send(Self.get("/none"))
            #expect(try client.receiveAnswer().status == 404)
            try client.send(Self.get("/none").replacing("GET", with: "DELETE"))
            #expect(try client.receiveAnswer().status == 405)
        }
        await server.close()
        await loop.stop()
    }
}
