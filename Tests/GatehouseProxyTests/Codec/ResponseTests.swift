import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct ResponseTests {
    static func parse(_ raw: String, answersHEAD: Bool = false) -> (HeadProgress, ResponseHead) {
        var parser = ResponseHeadParser()
        let bytes = Array(raw.utf8)
        return (parser.parse(bytes.span, answersHEAD: answersHEAD), parser.head)
    }

    static func answer(
        _ raw: String,
        _ rewrite: ResponseRewrite? = nil,
        framing: BodyFraming? = nil,
        persistence: ResponseRewrite.Persistence = .implied,
        answersHEAD: Bool = false
    ) throws -> String {
        let (progress, head) = parse(raw, answersHEAD: answersHEAD)
        try #require(progress == .complete)
        let rewrite = try rewrite ?? ResponseRewrite(upstream: Upstream(parsing: "http://up:8080"), prefix: .root)
        let authority = Array("coda.example.com".utf8)
        let bytes = CodecFixture.output(rewrite.bound(head, publicAuthorityCount: authority.count)) { output in
            authority.withUnsafeBytes { authority in
                rewrite.write(
                    head,
                    bytes: Array(raw.utf8).span,
                    framing: framing ?? head.framing,
                    persistence: persistence,
                    requestID: CodecFixture.requestID,
                    publicAuthority: authority,
                    into: output
                )
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static let id = "X-Request-Id: \(CodecFixture.idText)\r\n\r\n"

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyFraming.length(5), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", .chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", .untilClose, false),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", .length(0), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", .length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", .length(5), true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", .none, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .none, true),
        ("HTTP/1.1 100 Continue\r\n\r\n", .none, true),
        ("HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", .none, false),
    ])
    func `bodies are framed as the head says`(raw: String, framing: BodyFraming, isKeepAlive: Bool) {
        let (progress, head) = Self.parse(raw)
        #expect(progress == .complete)
        #expect(head.framing == framing)
        #expect(head.isKeepAlive == isKeepAlive)
        #expect(head.length == raw.utf8.count)
        #expect(Self.parse(raw, answersHEAD: true).1.framing == .none)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\nX: a\n\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \u{0}\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1 20 X\r\n\r\n",
        "HTTP/1.1 2000 X\r\n\r\n", "HTTP/1.1 2x0 X\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + (0..<201).map { "X\($0): y\r\n" }.joined() + "\r\n",
        "HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 64 << 10) + "\r\n\r\n",
        "HTTP/1.1 200 " + String(repeating: "a", count: 10_000) + "\r\n\r\n",
    ])
    func `malformed heads are refused`(raw: String) {
        #expect(Self.parse(raw).0 == .refused(.upstreamMalformed))
        var parser = ResponseHeadParser()
        var progress = HeadProgress.incomplete
        let bytes = Array(raw.utf8)
        for count in 0...bytes.count where progress == .incomplete {
            progress = parser.parse(bytes.span.extracting(..<count))
        }
        #expect(progress == .refused(.upstreamMalformed))
    }

    @Test func `the upstream's own fields pass`() throws {
        let lines =
            "Date: x\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nMcp-Session-Id: s\r\nServer:\tx\r\nTrailer: X-Sum\r\nWWW-Authenticate: Basic\r\n"
        let text = try Self.answer("HTTP/1.1 207 Multi Fun\r\n\(lines)Content-Length: 12\r\n\r\n")
        #expect(text == "HTTP/1.1 207 Multi Fun\r\n\(lines)Content-Length: 12\r\n\(Self.id)")
    }

    @Test(arguments: [
        "Connection: keep-alive", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "TE: x", "Upgrade: h2c",
        "X-Request-Id: theirs", "x_request_id: theirs",
        "Connection: x-hop\r\nX-Hop: 1", "Content_Length: 7",
    ])
    func `hop-by-hop fields are stripped`(lines: String) throws {
        let text = try Self.answer("HTTP/1.1 200 OK\r\nA: b\r\n\(lines)\r\nC: d\r\nContent-Length: 1\r\n\r\n")
        #expect(text == "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nContent-Length: 1\r\n\(Self.id)")
    }

    @Test func `the framing is the one that is asked for`() throws {
        let chunked = "HTTP/1.0 200 OK\r\nX: y\r\n\r\n"
        #expect(
            try Self.answer(chunked, framing: .chunked)
                == "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\(Self.id)"
        )
        #expect(
            try Self.answer(chunked, framing: .untilClose, persistence: .close)
                == "HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\(Self.id)"
        )
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
        #expect(
            try Self.answer(long, framing: .length(3), persistence: .keepAlive)
                == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\(Self.id)"
        )
        #expect(try Self.answer(long, answersHEAD: true) == "\(long.dropLast())\(Self.id)")
        #expect(
            try Self.answer("HTTP/1.1 304 x\r\nContent-Length: 12\r\n\r\n")
                == "HTTP/1.1 304 x\r\nContent-Length: 12\r\n\(Self.id)"
        )
        #expect(try Self.answer("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n") == "HTTP/1.1 204 x\r\n\(Self.id)")
    }

    @Test func `interim and upgrade heads are written`() throws {
        #expect(
            try Self.answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", persistence: .close)
                == "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\(Self.id)"
        )
        #expect(
            try Self.answer(
                "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: k\r\n\r\n"
            )
                == "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: k\r\nConnection: Upgrade\r\n\(Self.id)"
        )
        #expect(Self.parse("HTTP/1.1 103 x\r\n\r\n").1.isInterim)
        #expect(!Self.parse("HTTP/1.1 101 x\r\n\r\n").1.isInterim)
    }

    @Test(arguments: [
        ("", "", "Cache-Control: no-transform\r\nX-Accel-Buffering: no\r\n"),
        ("Cache-Control: no-cache\r\n", "Cache-Control: no-cache, no-transform\r\n", "X-Accel-Buffering: no\r\n"),
        (
            "cache-control:  no-cache \r\nCache-Control: private\r\n",
            "cache-control:  no-cache, no-transform\r\nCache-Control: private\r\n", "X-Accel-Buffering: no\r\n"
        ),
        ("Cache-Control:\r\n", "Cache-Control:no-transform\r\n", "X-Accel-Buffering: no\r\n"),
        (
            "Cache-Control: no-cache, No-Transform\r\nX-Accel-Buffering: yes\r\n",
            "Cache-Control: no-cache, No-Transform\r\nX-Accel-Buffering: yes\r\n", ""
        ),
    ])
    func `event streams stay whole`(lines: String, kept: String, added: String) throws {
        for type in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
            let text = try Self.answer(
                "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\(lines)Transfer-Encoding: chunked\r\n\r\n"
            )
            #expect(
                text
                    == "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\(kept)\(added)Transfer-Encoding: chunked\r\n\(Self.id)"
            )
        }
        let other = "HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\(lines)Content-Length: 0\r\n"
        #expect(try Self.answer("\(other)\r\n") == "\(other)\(Self.id)")
    }

    @Test func `a cache control that Connection names is joined`() throws {
        let text = try Self.answer(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: cache-control\r\nCache-Control: no-transform\r\nContent-Length: 1\r\n\r\n"
        )
        #expect(text.matches(of: /Cache-Control: no-transform\r\n/).count == 1)
    }

    @Test(arguments: [
        ("http://up:8080/v1/x?y#z", "https://coda.example.com/coda/x?y#z"),
        ("HTTPS://UP:8080/v1", "https://coda.example.com/coda"),
        ("http://up:8080/other", "https://coda.example.com/other"),
        ("http://up:8080/v10", "https://coda.example.com/v10"),
        ("http://up:8080/v1?a", "https://coda.example.com/coda?a"), ("http://up:8080", "https://coda.example.com"),
        ("http://up:8081/v1/x", "http://up:8081/v1/x"), ("http://up.example:8080/", "http://up.example:8080/"),
        ("http://up:80800/", "http://up:80800/"),
        ("/v1/x", "/coda/x"), ("/v1", "/coda"), ("/v1?a", "/coda?a"), ("/v1/", "/coda/"), ("/v10", "/v10"), ("/", "/"),
        ("//up:8080/v1", "https://coda.example.com/coda"), ("//other/v1", "//other/v1"), ("x/y", "x/y"), ("?a", "?a"),
        ("../v1", "../v1"), ("http://u@up:8080/", "http://u@up:8080/"), ("", ""), ("http://", "http://"),
        ("http://coda.example.com/v1", "http://coda.example.com/v1"),
    ])
    func `the upstream's own location is rewritten`(location: String, expected: String) throws {
        let rewrite = try ResponseRewrite(
            upstream: Upstream(parsing: "http://up:8080/v1"),
            prefix: PathPrefix(parsing: "/coda")
        )
        let text = try Self.answer("HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n", rewrite)
        #expect(text == "HTTP/1.1 302 Found\r\nLocation: \(expected)\r\nContent-Length: 0\r\n\(Self.id)")
    }

    /// A server that gets the public Host takes it for its own name, and thinks that it is asked without TLS.
    @Test(arguments: [
        ("http://coda.example.com/mcp/", "", "/", "https://coda.example.com/mcp/"),
        ("http://CODA.example.com:80/mcp/?x", "", "/", "https://coda.example.com/mcp/?x"),
        ("http://coda.example.com/api/mcp/", "/api", "/coda", "https://coda.example.com/coda/mcp/"),
        ("http://coda.example.com/mcp/", "", "/coda", "https://coda.example.com/coda/mcp/"),
        ("http://coda.example.com/coda/mcp/", "", "/coda", "https://coda.example.com/coda/mcp/"),
        ("//coda.example.com/mcp/", "", "/coda", "https://coda.example.com/coda/mcp/"),
        ("http://up:8080/mcp", "", "/coda", "https://coda.example.com/coda/mcp"),
        ("https://elsewhere.example.com/mcp", "", "/coda", "https://elsewhere.example.com/mcp"),
    ])
    func `a server that gets the public host redirects to it`(
        location: String,
        upstream: String,
        prefix: String,
        expected: String
    ) throws {
        let rewrite = try ResponseRewrite(
            upstream: Upstream(parsing: "http://up:8080\(upstream)"),
            prefix: PathPrefix(parsing: prefix),
            preservesHost: true
        )
        let text = try Self.answer("HTTP/1.1 307 T\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n", rewrite)
        #expect(text.contains("Location: \(expected)\r\n"))
    }

    @Test(arguments: [
        ("/mcp/", "", "/coda", "/coda/mcp/"), ("/coda/mcp/", "", "/coda", "/coda/mcp/"),
        ("/codas", "", "/coda", "/coda/codas"),
        ("/api", "/api", "/", "/"), ("/api?x", "/api", "/", "/?x"), ("/api/x", "/api", "/", "/x"),
        ("/api//evil.example/x", "/api", "/", "/api//evil.example/x"), ("/mcp/", "", "/", "/mcp/"),
    ])
    func `a relative location is mapped through the prefix`(
        location: String,
        upstream: String,
        prefix: String,
        expected: String
    ) throws {
        let rewrite = try ResponseRewrite(
            upstream: Upstream(parsing: "http://up:8080\(upstream)"),
            prefix: PathPrefix(parsing: prefix)
        )
        let text = try Self.answer("HTTP/1.1 307 T\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n", rewrite)
        #expect(text.contains("Location: \(expected)\r\n"))
    }

    @Test func `a default port names the same authority`() throws {
        let rewrite = try ResponseRewrite(upstream: Upstream(parsing: "http://up"), prefix: .root)
        for location in ["http://up:80/x", "http://up/x", "https://up:443/x"] {
            let text = try Self.answer(
                "HTTP/1.1 302 Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n",
                rewrite
            )
            #expect(text.contains("Location: https://coda.example.com/x\r\n"))
        }
    }

    @Test func `the bound holds for many locations`() throws {
        let many = String(repeating: "Location:http://up:8080\r\n", count: 190)
        let rewrite = try ResponseRewrite(
            upstream: Upstream(parsing: "http://up:8080"),
            prefix: PathPrefix(parsing: "/" + String(repeating: "p", count: 500))
        )
        #expect(try Self.answer("HTTP/1.1 302 Found\r\n\(many)\r\n", rewrite).hasSuffix(Self.id))
    }
}
