import GatehouseCore
import Testing

@testable import GatehouseProxy

/// However the bytes are cut, the result is that of the whole.
@Suite struct SplitTests {
    static let requests = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nPOST /mcp?x=%41&b HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\nX-A:\r\nX-B: \t \r\nCookie: a=1; CF_Authorization=x\r\n\r\nhello",
        "POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: x-c\r\nX-C: d\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "GET http://a/x?y HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nHost: [::1]:80\r\nConnection: upgrade\r\nOrigin: x\r\nCf-Access-Jwt-Assertion: \(String(repeating: "j", count: 90))\r\n\r\n",
    ]

    @Test(arguments: requests)
    func `a request in two parts is read alike`(request: String) throws {
        let raw = Array(request.utf8)
        let (progress, whole) = CodecFixture.parse(raw)
        try #require(progress == .complete)
        for cut in 0..<raw.count {
            var parser = RequestHeadParser()
            let first = parser.parse(raw.span.extracting(..<cut))
            #expect(first == (cut < whole.length ? .incomplete : .complete))
            if first == .incomplete { #expect(parser.parse(raw.span) == .complete) }
            #expect(describe(parser.head) == describe(whole))
        }
    }

    @Test(arguments: requests)
    func `a request that comes byte by byte is read alike`(request: String) throws {
        let raw = Array(request.utf8)
        let (_, whole) = CodecFixture.parse(raw)
        var parser = RequestHeadParser()
        for count in 0..<whole.length {
            try #require(parser.parse(raw.span.extracting(..<count)) == .incomplete)
        }
        #expect(parser.parse(raw.span.extracting(..<whole.length)) == .complete)
        #expect(describe(parser.head) == describe(whole))
    }

    @Test(arguments: requests)
    func `a body in steps is read alike`(request: String) {
        let raw = Array(request.utf8)
        let (_, head) = CodecFixture.parse(raw)
        let body = Array(raw[head.length...])
        let whole = CodecFixture.readBody(body, head.framing, step: max(1, body.count))
        #expect(whole.state == .complete)
        for step in 1..<max(2, body.count) {
            #expect(CodecFixture.readBody(body, head.framing, step: step) == whole)
        }
    }

    /// A client that sends one byte at a time must not make the work quadratic: what was scanned is not scanned again. Shown by
    /// damaging it between the calls, which no driver does: a second scan would refuse the control byte.
    @Test func `slow clients cost no more`() {
        let start = Array("GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaa".utf8)
        let end = Array("aaaa\r\n\r\n".utf8)
        var parser = RequestHeadParser()
        #expect(parser.parse(start.span) == .incomplete)
        let damaged = Array(start[..<(start.count - 2)]) + [0, 0] + end
        #expect(parser.parse(damaged.span) == .complete)
        #expect(CodecFixture.parse(damaged).0 == .refused(.requestMalformed))
    }

    private func describe(_ head: RequestHead) -> [String] {
        Mirror(reflecting: head).children.map { "\($0.label ?? ""): \($0.value)" }
    }
}
