import GatehouseCore
import GatehouseMCP
import NIOCore
import SocketLoop
import Testing

@testable import GatehouseProxy

@Suite struct TracePhaseTests {
    private static let header = "00-11111111111111111111111111111111-1111111111111111-01"
    private static let member = "00-22222222222222222222222222222222-2222222222222222-01"

    private static func fixture(_ fields: [String], _ body: String) throws -> PhaseFixture {
        let head = ["POST /mcp HTTP/1.1", "Host: coda.example", "Content-Type: application/json"]
        let lines = head + fields + ["Content-Length: \(body.utf8.count)", "", body]
        return try PhaseFixture(
            lines.joined(separator: "\r\n"),
            routes: [try Gateway.route("http://127.0.0.1:1", speech: .mcp)]
        )
    }

    private static func call(_ meta: String = "") -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"\#(meta)}}"#
    }

    private static let meta = #","_meta":{"traceparent":"\#(member)"}"#

    @Test(
        arguments: [
            (["traceparent: \(header)"], meta, "1", true), (["Traceparent:  \(header) "], "", "1", true),
            ([], meta, "2", false), (["traceparent: x"], meta, "2", false),
            // Which of two is meant is not known.
            (["traceparent: \(header)", "traceparent: \(header)"], meta, "2", false),
            (["Connection: traceparent", "traceparent: \(header)"], meta, "2", false), ([], "", "", false),
        ]
    )
    func `the header's span comes before the message's`(
        fields: [String],
        meta: String,
        digit: String,
        keepsState: Bool
    ) throws {
        let fixture = try Self.fixture(fields, Self.call(meta))
        _ = try fixture.judge()
        let trace = TracePhase.trace(fixture.inbound, fixture.exchange)
        let expected = digit.isEmpty ? fixture.exchange.id.description : String(repeating: digit, count: 32)
        #expect("\(trace.own.trace)" == expected && trace.keepsState == keepsState)
        #expect((trace.own.parent == nil) == digit.isEmpty)
    }

    @Test func `a batch names no span`() throws {
        let fixture = try Self.fixture([], "[\(Self.call(Self.meta))]")
        _ = try fixture.judge()
        #expect(TracePhase.trace(fixture.inbound, fixture.exchange).own.parent == nil)
    }

    @Test func `a body in chunks is read, too`() throws {
        let call = Self.call(Self.meta)
        let (one, two) = (call.prefix(20), call.dropFirst(20))
        let size = { (part: Substring) in String(part.utf8.count, radix: 16) }
        let text =
            "POST /mcp HTTP/1.1\r\nHost: coda.example\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "\(size(one))\r\n\(one)\r\n\(size(two))\r\n\(two)\r\n0\r\n\r\n"
        let fixture = try PhaseFixture(text, routes: [try Gateway.route("http://127.0.0.1:1", speech: .mcp)])
        _ = try fixture.judge()
        fixture.body.gatheringBegan(at: .now())
        #expect(fixture.body.gather(from: fixture.inbound, limit: 1000) == nil)
        _ = try fixture.judge()
        #expect("\(TracePhase.trace(fixture.inbound, fixture.exchange).own.trace)" == String(repeating: "2", count: 32))
    }

    /// The rewrite itself: the own span in place of every other, and nothing else changed.
    @Test(arguments: [true, false])
    func `the upstream gets this request's span alone`(keepsState: Bool) throws {
        let raw = Array(
            ("POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\ntraceparent: x\r\nB: 2\r\ntracestate: s=1\r\nTRACEPARENT: y\r\n"
                + "tracestate: t=2\r\nC: 3\r\n\r\n").utf8
        )
        let (progress, head) = CodecFixture.parse(raw)
        try #require(progress == .complete)
        let parent = Array(Self.header.utf8).withUnsafeBytes { TraceParent(parsing: $0) }
        let own = RequestTrace(of: CodecFixture.requestID, under: parent)
        var untagging = RequestRewrite.Untagging()
        untagging.trace = TraceFields(own: own, keepsState: keepsState)
        let rewrite = CodecFixture.rewrite()
        let output = CodecFixture.output(rewrite.bound(head, injectedCount: 0)) { output in
            rewrite.write(
                head,
                bytes: raw.span,
                prefixLength: 0,
                injectedLines: UnsafeRawBufferPointer(start: nil, count: 0),
                requestID: CodecFixture.requestID,
                untagging: untagging,
                into: output
            ).count
        }
        let state = keepsState ? ("tracestate: s=1\r\n", "tracestate: t=2\r\n") : ("", "")
        #expect(
            String(decoding: output, as: UTF8.self) == """
                POST / HTTP/1.1\r
                Host: coda-mcp:8080\r
                A: 1\r
                B: 2\r
                \(state.0)\(state.1)C: 3\r
                Accept-Encoding: identity\r
                traceparent: 00-\(own.trace)-\(own.span)-01\r
                X-Request-Id: \(CodecFixture.idText)\r
                \r

                """
        )
    }
}
