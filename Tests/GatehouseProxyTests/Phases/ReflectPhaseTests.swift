import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseProxy

/// The look at an answer for secrets before anything of it goes to the client, without a socket.
@Suite struct ReflectPhaseTests {
    private static let secret = GuardFixture.secret
    private static let ok = "HTTP/1.1 200 OK\r\n"

    /// - Parameter missing: bytes of the body that have not come.
    private func look(
        _ body: String,
        _ fields: String = "",
        missing: Int = 0,
        mode: Reflection = .redact,
        secrets: [String] = [secret],
        hasBody: Bool = true
    ) throws -> (ReflectPhase.Result, String) {
        let text = Self.ok + fields + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
        let received = String(text.dropLast(missing))
        let (progress, head) = ResponseTests.parse(received)
        try #require(progress == .complete)
        var buffer = ByteBuffer(string: received)
        let result = ReflectPhase.look(
            at: head,
            &buffer,
            for: GuardFixture.patterns(secrets),
            mode,
            ReflectPhase.Result(isReflecting: false),
            hasBody
        )
        return (result, String(buffer: buffer))
    }

    @Test func `a body that has come as a whole is clean at once, and of a longer one the rest is looked at`() throws {
        let body = "{\"key\":\"\(Self.secret)\"}"
        let (whole, text) = try look(body)
        #expect(whole.isReflecting && !whole.isOpen && whole.refusal == nil)
        #expect(!text.contains(Self.secret))
        #expect(text.hasSuffix("\"}"))
        let (part, _) = try look(body, missing: 1)
        #expect(!part.isReflecting && part.isOpen && part.refusal == nil)
        let (clean, same) = try look("{}")
        #expect(!clean.isReflecting && !clean.isOpen && same.hasSuffix("\r\n\r\n{}"))
    }

    @Test func `a coded body is refused to whoever would get it`() throws {
        let coding = "Content-Encoding: gzip\r\n"
        #expect(try look("coded", coding).0.refusal == .upstreamEncoded)
        let (result, _) = try look("coded", coding, missing: 5, hasBody: false)
        #expect(result.refusal == nil && !result.isOpen)
    }

    @Test func `a secret at the end of a body is one although a longer one begins like it`() throws {
        let secrets = [Self.secret, Self.secret + "-and-more"]
        #expect(try look(Self.secret, mode: .block, secrets: secrets).0.refusal == .secretReflected)
        let (result, text) = try look(Self.secret, secrets: secrets)
        #expect(result.isReflecting && !text.contains(Self.secret))
    }

    @Test(
        arguments: [
            (ok + "Content-Length: 5\r\n\r\n", true), (ok + "Transfer-Encoding: chunked\r\n\r\n", true),
            (ok + "Content-Length: 5\r\n\r\nh", false), (ok + "Content-Length: 0\r\n\r\n", false),
            (ok + "\r\n", false), ("HTTP/1.1 204 No Content\r\n\r\n", false), ("HTTP/1.1 100 Continue\r\n\r\n", false),
            (ok + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ]
    )
    func `an answer waits for the first of its body, and a stream of events for nothing`(text: String, waits: Bool) {
        let (_, head) = ResponseTests.parse(text)
        #expect(ReflectPhase.waitsForBody(head, ByteBuffer(string: text)) == waits)
    }
}
