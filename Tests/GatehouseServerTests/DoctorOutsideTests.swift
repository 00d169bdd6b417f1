import GatehouseConfig
import GatehouseCore
@testable import GatehouseOperations
@testable import GatehouseServer
import GatehouseTestSupport
import Synchronization
import Testing

/// `doctor --public-url`: a server on loopback stands in for the edge, the tunnel and Gatehouse behind it.
@Suite(.timeLimit(.minutes(2))) struct TheDoctorFromOutside {
    private static let requestID = (name: "X-Request-Id", value: "0123456789abcdef0123456789abcdef")
    private static let events = [(name: "Content-Type", value: "text/event-stream")]
    private static let token = ServiceToken(id: "ci.access", secret: Secret("secret-of-the-service"))

    private func found(
        _ token: ServiceToken? = nil,
        firstBytes: Duration = .seconds(60),
        _ answer: @escaping @Sendable (LoopbackHTTP.Request) -> LoopbackHTTP.Answer
    ) async throws -> [Finding] {
        let server = try await LoopbackHTTP.start(answer: answer)
        let doctor = Doctor(
            try DoctorFixture().configuration(),
            publicURL: server.url,
            serviceToken: token,
            firstBytes: firstBytes
        )
        let found = await doctor.outside(server.url)
        await server.close()
        #expect(!"\(found)".contains("secret-of-the-service"))
        // Signing in has tests of its own.
        let rest = found.filter { $0.probe != .signIn }
        #expect(rest.map(\.probe) == [.publicURL, .stream])
        return rest
    }

    // MARK: - Who comes through without a sign-in

    @Test(arguments: [
        LoopbackHTTP.Answer(302, "", [("Location", "https://example.cloudflareaccess.com/cdn-cgi/access/login")]),
        LoopbackHTTP.Answer(403, "refused by Access"),
    ])
    func `is content when Access stands before it`(answer: LoopbackHTTP.Answer) async throws {
        #expect(try await found { _ in answer }[0].verdict == .ok)
    }

    @Test(arguments: [
        (LoopbackHTTP.Answer(401, "{}", [requestID]), "comes through to Gatehouse"),
        (LoopbackHTTP.Answer(200, "{}"), "open to everybody"), (LoopbackHTTP.Answer(530, ""), "530"),
        (LoopbackHTTP.Answer(502, ""), "502"),
    ])
    func `fails when nothing or nobody stands before it`(answer: LoopbackHTTP.Answer, words: String) async throws {
        let finding = try await found { _ in answer }[0]
        #expect(finding.verdict == .fail && finding.advice != nil)
        #expect(finding.detail.contains(words))
    }

    @Test func `fails when nobody answers`() async throws {
        let dead = try DeadPort()
        let doctor = Doctor(try DoctorFixture().configuration(), serviceToken: Self.token)
        let found = await doctor.outside("http://127.0.0.1:\(dead.number)")
        #expect(found.map(\.verdict) == [.fail, .fail, .fail])
    }

    // MARK: - Streams

    @Test func `does not look at streams without credentials`() async throws {
        #expect(try await found { _ in LoopbackHTTP.Answer(403, "") }[1].verdict == .warn)
    }

    @Test func `is content with a stream whose first bytes come though it never ends, and closes its session`()
        async throws
    {
        let calls = Mutex<[String]>([])
        let stream = try await found(Self.token) { request in
            guard request.header("cf-access-client-secret") == "secret-of-the-service" else {
                return LoopbackHTTP.Answer(403, "")
            }
            calls.withLock { $0.append("\(request.method) \(request.header("mcp-session-id") ?? "-")") }
            guard request.method == "GET" else {
                return LoopbackHTTP.Answer(200, "{}", [("Mcp-Session-Id", "session-1")])
            }
            var answer = LoopbackHTTP.Answer(200, ": hello\n\n", Self.events)
            answer.ending = .open
            return answer
        }[1]
        #expect(stream.verdict == .ok, "\(stream.detail)")
        #expect(calls.withLock { $0 } == ["POST -", "GET session-1", "DELETE session-1"])
    }

    /// Nothing ever comes, so however short the wait, it cannot be too short.
    @Test func `fails on a stream that something holds back`() async throws {
        let stream = try await found(Self.token, firstBytes: .milliseconds(200)) { request in
            var answer = LoopbackHTTP.Answer(200, ": hello\n\n", Self.events)
            if request.method == "GET", request.header("cf-access-client-id") != nil { answer.ending = .held }
            return answer
        }[1]
        #expect(stream.verdict == .fail && stream.detail.contains("nothing comes"))
        #expect(stream.advice?.contains("buffers") == true)
    }

    @Test(arguments: [
        LoopbackHTTP.Answer(405, "no streams here"), LoopbackHTTP.Answer(409, "one stream is open", events),
        LoopbackHTTP.Answer(200, "{}"), LoopbackHTTP.Answer(200, "", events),
    ])
    func `warns when the upstream opens no stream`(answer: LoopbackHTTP.Answer) async throws {
        #expect(try await found(Self.token) { _ in answer }[1].verdict == .warn)
    }
}
