import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct RequestHeadTests {
    @Test func `the parser reads what the benchmark sends`() throws {
        let raw = Array(
            """
            POST /mcp/a?x=1&y HTTP/1.1\r
            Host: mcp.Example.com:8443\r
            content-TYPE:application/json\r
            Accept: \t application/json, text/event-stream \t\r
            Mcp-Session-Id: 1868a90c\r
            Cf-Ray: 8f2b-FRA\r
            CF-Connecting-IP: 203.0.113.9\r
            Origin: https://mcp.example.com\r
            Cf-Access-Jwt-Assertion: a.b.c\r
            X-Empty:\r
            Content-Length: 17\r
            \r
            rest
            """.utf8
        )
        let (progress, head) = CodecFixture.parse(raw)
        #expect(progress == .complete)
        #expect(head.length == raw.count - 4)
        #expect(raw.span.text(head.method) == "POST")
        #expect(raw.span.text(head.target) == "/mcp/a?x=1&y")
        #expect(raw.span.text(head.path) == "/mcp/a")
        #expect(head.query.map { raw.span.text($0) } == "x=1&y")
        #expect(raw.span.text(head.authority) == "mcp.Example.com:8443")
        #expect(raw.span.text(head.host) == "mcp.Example.com")
        #expect(head.version == .http11)
        #expect(head.framing == .length(17))
        #expect(head.isKeepAlive)
        #expect(head.fields.count == 10)
        #expect(
            head.fields.map { raw.span.text($0.value) }[1...2] == [
                "application/json", "application/json, text/event-stream",
            ]
        )
        #expect(head.fields.map(\.known)[..<4] == [.host, .contentType, .accept, .mcpSessionID])
        #expect(head.cfRay.map { raw.span.text($0) } == "8f2b-FRA")
        #expect(head.cfConnectingIP.map { raw.span.text($0) } == "203.0.113.9")
        #expect(head.origin.map { raw.span.text($0) } == "https://mcp.example.com")
        #expect(head.occurrence(of: .mcpSessionID, in: raw.span) != .missing)
        #expect(head.occurrence(of: .lastEventID, in: raw.span) == .missing)
        guard case .one(let assertion) = head.assertion else {
            Issue.record("the assertion stands once")
            return
        }
        #expect(raw.span.text(assertion) == "a.b.c")
    }

    @Test(arguments: [
        ("Cf-Access-Jwt-Assertion: a\r\n", "one"), ("CF-ACCESS-JWT-ASSERTION: a\r\n", "one"), ("", "missing"),
        ("Cf_Access_Jwt_Assertion: a\r\n", "missing"), ("Cf-Access-Jwt_Assertion: a\r\n", "missing"),
        ("Cf-Access-Jwt-Assertion: a\r\ncf-access-jwt-assertion: a\r\n", "duplicate"),
        ("Cf-Access-Jwt-Assertion: a,b\r\n", "duplicate"),
        ("Cf-Access-Jwt-Assertion: a\r\nCf-Access-Jwt-Assertion:\r\n", "duplicate"),
    ])
    func `the parser counts assertions`(lines: String, expected: String) {
        let (progress, head) = CodecFixture.parse("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
        #expect(progress == .complete)
        let found =
            switch head.assertion {
            case .missing: "missing"
            case .one: "one"
            case .duplicate: "duplicate"
            }
        #expect(found == expected)
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive, CLOSE\r\n", false),
        ("HTTP/1.1", "Connection: x\r\nConnection:close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true), ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
    ])
    func `the parser knows whether the connection stays`(version: String, lines: String, expected: Bool) {
        let (progress, head) = CodecFixture.parse("GET / \(version)\r\nHost: a\r\n\(lines)\r\n")
        #expect(progress == .complete)
        #expect(head.isKeepAlive == expected)
    }

    @Test(arguments: [
        ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true),
        ("GET", "Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", true),
        ("GET", "Upgrade: websocket\r\n", false), ("GET", "Connection: upgrade\r\nUpgrade: h2c\r\n", false),
        ("GET", "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", false),
        ("GET", "Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n", false),
        ("POST", "Connection: upgrade\r\nUpgrade: websocket\r\n", false),
        ("GET", "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n", false),
    ])
    func `the parser upgrades only to WebSocket`(method: String, lines: String, expected: Bool) {
        let (progress, head) = CodecFixture.parse("\(method) / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
        #expect(progress == .complete)
        #expect(head.isWebSocketUpgrade == expected)
    }

    @Test func `the parser reads an expected 100 (Continue) in HTTP/1.1 only`() {
        #expect(CodecFixture.parse("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").1.expectsContinue)
        #expect(!CodecFixture.parse("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").1.expectsContinue)
    }

    @Test(arguments: [
        "a", "a.example", "A-b_c.example.", "a:1", "a:65535", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443",
        String(repeating: "a", count: 253),
    ])
    func `the parser takes hosts`(host: String) {
        let (progress, _) = CodecFixture.parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        #expect(progress == .complete)
    }

    @Test(arguments: [
        "/", "/a", "/a/", "/a.b/.c/..d/...", "/.well-known/x", "/a;b=c/d", "/%20%C3%A9%3b", "/a%40b",
        "/a:b@c!$&'()*+,=", "/?", "/?//../%zz\\",
        "http://A.EXAMPLE/x", "HTTPS://a.example/x?y", "/{x}|\"<>^`",
    ])
    func `the parser takes targets`(target: String) {
        let (progress, head) = CodecFixture.parse("GET \(target) HTTP/1.1\r\nHost: a.example\r\n\r\n")
        #expect(progress == .complete)
        #expect(head.target.count == target.utf8.count)
    }

    @Test func `the parser takes one empty line first`() {
        let (progress, head) = CodecFixture.parse("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(progress == .complete)
        #expect(head.length == 29)
    }

    @Test func `the parser passes text beyond ASCII in values`() {
        #expect(CodecFixture.parse("GET / HTTP/1.1\r\nHost: a\r\nX: gr\u{FC}\u{DF}e\t.\r\n\r\n").0 == .complete)
    }

    @Test func `the parser takes a head that the limits just allow`() {
        let target = "/" + String(repeating: "a", count: 8191)
        #expect(CodecFixture.parse("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").0 == .complete)
        let many = (0..<99).map { "X-\($0): y\r\n" }.joined()
        #expect(CodecFixture.parse("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n").0 == .complete)
        let large = String(repeating: "b", count: (32 << 10) - 9 - 5 - 1)
        #expect(CodecFixture.parse("GET / HTTP/1.1\r\nHost: a\r\nX: \(large)\r\n\r\n").0 == .complete)
        #expect(
            CodecFixture.parse("GET / HTTP/1.1\r\nHost: a\r\nX: \(large)bbbb\r\n\r\n").0 == .refused(.headersTooLarge)
        )
    }

    @Test func `the parser starts afresh after each head`() {
        var parser = RequestHeadParser()
        let first = Array(
            "POST /a?b HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\nX: y\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
                .utf8
        )
        let second = Array("GET / HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n".utf8)
        #expect(parser.parse(first.span) == .complete)
        #expect(parser.head.fields[2].isNominated == true)
        #expect(parser.parse(second.span) == .complete)
        #expect(parser.head.fields.map(\.known) == [.host, .other])
        #expect(!parser.head.fields[1].isNominated)
        #expect(parser.head.framing == .none)
        #expect(parser.head.query == nil)
        #expect(parser.head.isKeepAlive)
        #expect(!parser.head.expectsContinue)
    }

    @Test func `the memory of the fields comes back with the next head`() {
        let raw = Array("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n".utf8)
        var parser = RequestHeadParser()
        #expect(parser.head.fields.capacity == 0)
        for _ in 0..<2 {
            #expect(parser.parse(raw.span) == .complete)
            #expect(parser.head.fields.count == 2)
            parser.releaseFields()
            #expect(parser.head.fields.capacity == 0)
            #expect(raw.span.text(parser.head.host) == "a")
        }
    }
}
