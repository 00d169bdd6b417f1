import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// `gatehouse call` where something is wrong: each fault has its own message, with a remedy. Servers that work have tests of their own, with the
/// SDKs.
@Suite("gatehouse call", .timeLimit(.minutes(2)))
struct CallTests {
    private typealias Answer = LoopbackHTTP.Answer

    private func fixture(_ upstream: String, token: Bool = true) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        let text = fixture.read("gatehouse.yaml").replacing(
            "upstream: http://127.0.0.1:1\n",
            with: "upstream: \(upstream)\n"
        )
        try fixture.write(text, to: "gatehouse.yaml")
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        if token { #expect(try await fixture.run("token", "set", "coda", input: "the-token").exit == 0) }
        return fixture
    }

    private func call(
        _ answer: LoopbackHTTP.Answer,
        _ certificate: TestCertificate? = nil
    ) async throws -> Command.Outcome {
        let server = try await LoopbackHTTP.start(certificate) { _ in answer }
        let outcome = try await fixture(server.url).run("call", "coda")
        await server.close()
        #expect(outcome.exit == 1)
        #expect(!outcome.output.contains("the-token") && !outcome.errors.contains("the-token"))
        return outcome
    }

    @Test(arguments: [
        (401, [(String, String)](), "status 401", "gatehouse token rotate"), (404, [], "status 404", "--path"),
        (502, [], "status 502", "the server's own log"),
        (302, [("Location", "https://example.cloudflareaccess.com/login")], "asks for a sign-in", "Service Auth"),
        (301, [("Location", "http://elsewhere.example/mcp/")], "leads to elsewhere.example", "do not follow"),
        (200, [], "without the answer", "does not speak MCP"),
    ])
    func `an answer that is none is named with its remedy`(
        status: Int,
        fields: [(String, String)],
        words: String,
        advice: String
    ) async throws {
        let outcome = try await call(LoopbackHTTP.Answer(status, "{}", fields))
        #expect(outcome.errors.contains(words) && outcome.errors.contains(advice), "\(outcome.errors)")
        #expect(outcome.output.contains("FAIL  initialize"))
    }

    @Test func `a certificate that nobody vouches for fails at TLS`() async throws {
        let outcome = try await call(Answer(200, "{}"), .loopback)
        #expect(outcome.errors.contains("SSL_CERT_FILE"), "\(outcome.errors)")
    }

    @Test func `SSL_CERT_FILE names who vouches`() async throws {
        let server = try await LoopbackHTTP.start(.loopback) { _ in Answer(404, "{}") }
        let fixture = try await fixture(server.url)
        try fixture.write(TestCertificate.loopback.certificate, to: "authority.pem")
        let outcome = try await fixture.run(
            ["call", "coda"],
            environment: ["SSL_CERT_FILE": "\(fixture.path)/authority.pem"]
        )
        await server.close()
        #expect(outcome.errors.contains("status 404"), "\(outcome.errors)")
    }

    /// Whoever opened it would wait for somebody who writes to it.
    @Test(arguments: [["call", "coda"], ["serve"]])
    func `SSL_CERT_FILE that is a pipe is an error`(command: [String]) async throws {
        let fixture = try await fixture("https://localhost:1")
        #expect(mkfifo("\(fixture.path)/pipe", 0o600) == 0)
        let outcome = try await fixture.run(command, environment: ["SSL_CERT_FILE": "\(fixture.path)/pipe"])
        #expect(outcome.exit != 0 && outcome.errors.contains("is not a file"), "\(outcome.errors)")
    }

    @Test func `nobody there, no token and no such route`() async throws {
        let dead = try DeadPort()
        let refused = try await fixture("http://127.0.0.1:\(dead.number)").run("call", "coda")
        #expect(refused.exit == 1 && refused.errors.contains("is it running"), "\(refused.errors)")
        let without = try await fixture("http://127.0.0.1:1", token: false).run("call", "coda")
        #expect(without.exit == 1 && without.errors.contains("gatehouse token set coda"), "\(without.errors)")
        let nowhere = try await fixture("http://127.0.0.1:1").run("call", "nowhere")
        #expect(nowhere.exit == 1 && nowhere.errors.contains("routes: coda, open"))
    }

    /// A server that knows only the new era, and answers by an event stream that it never ends.
    @Test func `a server without a handshake is spoken to as it wants`() async throws {
        let seen = Mutex<[String]>([])
        let server = try await LoopbackHTTP.start { request in
            let body = String(decoding: request.body, as: UTF8.self)
            let version = request.header("mcp-protocol-version") ?? "-"
            seen.withLock { $0.append("\(request.header("mcp-method") ?? "-") \(version)") }
            if body.contains("\"initialize\"") {
                return Answer(
                    400,
                    #"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#
                )
            }
            let id = body.contains("server/discover") ? 2 : 3
            let result =
                id == 2 ? #"{"serverInfo":{"name":"new","version":"2"}}"# : #"{"tools":[{"name":"a"},{"name":"b"}]}"#
            let event = "data: {\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":\(result)}\n\n"
            var answer = Answer(200, event, [("Content-Type", "text/event-stream")])
            answer.ending = .open
            return answer
        }
        let outcome = try await fixture(server.url).run("call", "coda", "--list")
        await server.close()
        #expect(outcome.exit == 0, "\(outcome)")
        #expect(outcome.output.contains("protocol 2026-07-28, server new 2") && outcome.output.contains("\n  a\n  b\n"))
        #expect(seen.withLock { $0 } == ["- -", "server/discover 2026-07-28", "tools/list 2026-07-28"])
    }

    @Test(arguments: [
        ["call", "coda", "--arguments", "[1]"], ["call", "coda", "--path", "mcp"], ["call", "coda", "--timeout", "0"],
        ["call", "coda", "--public-url", "http://coda.example.com/mcp"],
    ])
    func `what cannot be meant is a usage error`(arguments: [String]) async throws {
        #expect(try await CommandFixture().run(arguments).exit == 64)
    }
}
