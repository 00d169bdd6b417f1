import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct RequestRewriteTests {
    @Test func `the rewrite writes the whole head`() throws {
        let raw = """
            POST /coda/mcp?x=1 HTTP/1.1\r
            Host: coda.example.com\r
            Content-Type: application/json\r
            Authorization: Bearer stolen\r
            Cf-Access-Jwt-Assertion: a.b.c\r
            X-Forwarded-For: 203.0.113.9\r
            Origin: https://coda.example.com\r
            x_api_key: mine\r
            Content-Length: 2\r
            \r
            {}
            """
        let text = try CodecFixture.forward(
            Array(raw.utf8),
            CodecFixture.rewrite(upstream: "http://coda-mcp:8080/v1"),
            prefixLength: 5
        )
        #expect(
            text == """
                POST /v1/mcp?x=1 HTTP/1.1\r
                Host: coda-mcp:8080\r
                Content-Type: application/json\r
                X-Forwarded-For: 203.0.113.9\r
                Content-Length: 2\r
                X-Api-Key: secret\r
                Accept-Encoding: identity\r
                traceparent: 00-\(CodecFixture.idText)-\(text.firstMatch(of: /traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-01/)?.1 ?? "?")-01\r
                X-Request-Id: \(CodecFixture.idText)\r
                \r\n
                """
        )
    }

    /// Every rule of stripping: a line that must go.
    @Test(arguments: [
        "Cf-Access-Jwt-Assertion: x", "CF-ACCESS-JWT-ASSERTION: x", "cf_access_jwt_assertion: x",
        "Cf-Access_Jwt-Assertion: x",
        "Cf-Access-Authenticated-User-Email: x", "CF_ACCESS_CLIENT_ID: x", "cf-access-: x", "Cf_access-Token: x",
        "Authorization: Bearer x", "AUTHORIZATION: Bearer x",
        "Proxy-Authorization: x", "proxy-connection: x", "PROXY_AUTHORIZATION: x", "Proxy-Anything: x",
        "Connection: keep-alive", "Keep-Alive: timeout=5", "keep_alive: x", "TE: trailers", "Upgrade: h2c",
        "Connection: close",
        "X-Api-Key: x", "x-api-key: x", "X_API_KEY: x", "x_Api-kEy: x",
        "Origin: https://a.example", "Accept-Encoding: gzip, br", "accept_encoding: gzip", "X-Request-Id: x",
        "x_request_id: x",
        "Content_Length: 5", "transfer_encoding: chunked", "CONTENT_TYPE: x", "mcp_session_id: x", "Mcp-Session_Id: x",
        "X_Forwarded_For: 1.2.3.4",
        "Cookie: CF_Authorization=x", "Cookie: CF_Authorization", "Cookie:  CF_Authorization = x ;",
        "cookie: CF_Authorization=a; CF_Authorization=b",
        "Cookie: CF_AppSession=x", "Cookie: CF_Binding=x; CF_Session=y;CF_AppSession",
        "Cookie: CF.Session=x; CF-Binding=y",
        "X-Original-URL: /admin", "x_original_url: /admin", "X.Original.URL: /", "X-Rewrite-Url: /",
        "X-HTTP-Method: PUT",
        "X-HTTP-Method-Override: DELETE", "x_http_method_override: DELETE", "X-HTTP-Methods: x",
        "X-Method-Override: PUT", "X-Method: PUT", "x_method: PUT", "X-Method-Overrides: x",
        "X-Original-URI: /", "X-Original-Uri: /", "x_original_uri: /", "X-Original-Method: PUT", "X-Original-URLs: /",
        "X-Original-Path: /", "X-Rewrite-Uri: /", "X-Rewrite-Path: /", "X-Override-Url: /", "X-Envoy-Original-Path: /",
        "X-Forwarded-Uri: /", "X_FORWARDED_URI: /", "X-Forwarded-Url: /", "X-Forwarded-Path: /",
        "X-Forwarded-Method: PUT", "X-Forwarded-Prefix: /x", "X.Forwarded.Prefix: /x", "SCRIPT_NAME: /x",
        "Script-Name: /x",
        "X-Script-Name: /x", "X-Forwarded-Script-Name: /x", "x_forwarded_script_name: /x", "PATH_INFO: /x",
        "Request-URI: /x", "REQUEST_METHOD: PUT",
        "x.api.key: x", "X-Api.Key: x", "cf.access.jwt.assertion: x", "X.Forwarded.For: x", "Mcp.Session.Id: x",
        "Content.Length: 5", "Transfer.Encoding: chunked", "proxy.x: y", "X.Coda.Token: x",
        "X-Coda-Token: x", "x_coda_upstream: x", "X-Secret: x", "X_SECRET: x",
        "Connection: x-hop, X_Other\r\nX-Hop: 1\r\nx-other: 2\r\nX_HOP: 3", "Connection: x-api-key\r\nX-Api-Key: x",
    ])
    func `fields that must not pass are stripped`(lines: String) throws {
        #expect(try CodecFixture.passed(lines, CodecFixture.rewrite(strip: ["X-Coda-*", "X-Secret"])) == "")
    }

    /// A line that must stay byte for byte.
    @Test(arguments: [
        "Content-Length: 5", "Transfer-Encoding: chunked", "transfer-encoding: chunked",
        "Connection: content-length\r\nContent-Length: 5",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
        "X-Forwarded-For: 1.2.3.4", "Cf-Ray: x", "Cf-Connecting-Ip: x", "Cf-Accessory: x", "Cf-Acces: x",
        "Authorizations: x", "Proxy: x",
        "X-Api-Keys: x", "X-Api-Ke: x", "X-Cod: x", "X-Secrets: x", "X-Codas-Token: x", "Expect: 100-continue",
        "Accept: */*",
        "X-Original: /", "X-Rewrite: /", "X-HTTP: x", "X-Metho: x", "X-Forwarded-Host: x", "X-Forwarded-Uris: /",
        "X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "Script-Names: x", "Path: x", "Request: x", "X.Y: z",
        "x.api.keys: x",
        "Cookie: CF_Sessions=1; cf_session=2; CF_=3; CF_Bindin=4; XCF_Session=5; CF=6",
        "Cookie: a=1; b=2", "Cookie: a=1;b=2;", "Cookie: XCF_Authorization=1; CF_AuthorizationX=2; cf=CF_Authorization",
        "Trailer: X-Sum", "Set-Cookie: x", "some_name: x", "Mcp-Session-Id: x", "Via: 1.1 a", "X: \tgr\u{FC}n\t",
    ])
    func `fields that may pass do`(lines: String) throws {
        let expected = lines.hasPrefix("Connection") ? String(lines.drop { $0 != "\r\n" }.dropFirst()) : lines
        #expect(
            try CodecFixture.passed(lines, CodecFixture.rewrite(strip: ["X-Coda-*", "X-Secret"])) == expected + "\r\n"
        )
    }

    @Test(arguments: [
        ("CF_Authorization=x; a=1", "a=1"), ("a=1; CF_Authorization=x", "a=1"),
        ("a=1; CF_Authorization=x; b=2", "a=1; b=2"),
        ("a=1;CF_Authorization=x;b=2", "a=1;b=2"), ("a=1;  CF_Authorization=x;   b= 2 ", "a=1;   b= 2"),
        ("CF_AppSession=x; a=1;CF_Session=y; CF_Binding = z; b=2", "a=1; b=2"),
        ("CF_Authorization=x; a=\"q\"; CF_Authorization=y; cf_authorization=z", "a=\"q\"; cf_authorization=z"),
    ])
    func `the rewrite removes the cookie of Access alone`(value: String, expected: String) throws {
        #expect(try CodecFixture.passed("Cookie: \(value)") == "Cookie: \(expected)\r\n")
        #expect(try CodecFixture.passed("cookie:\(value)") == "cookie:\(expected)\r\n")
    }

    @Test(arguments: [
        ("?key=1", ""), ("?key", ""), ("?a=1&key=2", "?a=1"), ("?key=2&a=1", "?a=1"), ("?a&key&b", "?a&b"),
        ("?k%65y=1&b", "?b"),
        ("?%6b%65%79=1", ""), ("?my+key=1&x", "?x"), ("?my%20key=1&x", "?x"), ("?my%2Bkey=1", "?my%2Bkey=1"),
        ("?KEY=1", "?KEY=1"), ("?keys=1&ke=2", "?keys=1&ke=2"),
        ("?a=key&b=%zz&%6", "?a=key&b=%zz&%6"), ("?a;key=1;b", "?a;b"), ("?a;key=1&b", "?a&b"), ("?", "?"),
        ("?&key&", "?&"), ("?a=1&&b==&", "?a=1&&b==&"),
        ("?key=1&key=2&a=%2526+", "?a=%2526+"), ("", ""),
    ])
    func `the rewrite strips query parameters`(query: String, expected: String) throws {
        let text = try CodecFixture.forward(
            Array("GET /x\(query) HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
            CodecFixture.rewrite(query: ["key", "my key"])
        )
        #expect(text.hasPrefix("GET /x\(expected) HTTP/1.1\r\n"))
    }

    @Test(arguments: [
        ("/", 0, "", "/"), ("/a", 2, "", "/"), ("/a/", 2, "", "/"), ("/a/b", 2, "", "/b"), ("/a", 0, "/up", "/up/a"),
        ("/a", 2, "/up", "/up"),
        ("/a/", 2, "/up", "/up/"), ("/a/b%20c", 2, "/up/x", "/up/x/b%20c"), ("/", 0, "/up", "/up/"),
        ("/a", 2, "/", "/"),
    ])
    func `the rewrite replaces the prefix`(path: String, prefix: Int, upstream: String, expected: String) throws {
        for target in [path, "http://a\(path)", "\(path)?q=//"] {
            let text = try CodecFixture.forward(
                Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8),
                CodecFixture.rewrite(upstream: "http://up\(upstream)"),
                prefixLength: prefix
            )
            #expect(
                text.hasPrefix("GET \(expected)\(target.hasSuffix("?q=//") ? "?q=//" : "") HTTP/1.1\r\nHost: up\r\n")
            )
        }
    }

    @Test func `the rewrite speaks HTTP/1.1 and keeps one host`() throws {
        let raw = Array("GET / HTTP/1.0\r\nX: y\r\nHost: A.example:81\r\n\r\n".utf8)
        #expect(try CodecFixture.forward(raw).hasPrefix("GET / HTTP/1.1\r\nHost: coda-mcp:8080\r\nX: y\r\n"))
        #expect(
            try CodecFixture.forward(raw, CodecFixture.rewrite(preservesHost: true)).hasPrefix(
                "GET / HTTP/1.1\r\nHost: A.example:81\r\nX: y\r\n"
            )
        )
    }

    @Test func `the rewrite upgrades to WebSocket only`() throws {
        let upgrade =
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n"
        let text = try CodecFixture.forward(Array(upgrade.utf8))
        #expect(text.contains("\r\nSec-WebSocket-Key: k\r\n"))
        #expect(text.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"))
        let other = try CodecFixture.forward(Array(upgrade.replacing("Upgrade: WebSocket", with: "Upgrade: h2c").utf8))
        #expect(!other.lowercased().contains("upgrade"))
        #expect(!other.contains("Connection"))
    }

    /// Each is one framing to every reader by RFC 9110 section 5.5, and not to every reader there is.
    @Test(arguments: [
        ("Transfer-Encoding: chunked\t", "Transfer-Encoding: chunked"),
        ("transfer-encoding:\tChunked \t", "transfer-encoding: chunked"),
        ("Transfer-Encoding: CHUNKED", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding:chunked", "Transfer-Encoding: chunked"),
        ("Content-Length: 2 ", "Content-Length: 2"), ("Content-Length:2", "Content-Length: 2"),
        ("Content-Length:\t2", "Content-Length: 2"), ("Content-Length: 0002", "Content-Length: 2"),
        ("Content-Length: 0", "Content-Length: 0"),
    ])
    func `what frames the body is written plainly`(line: String, expected: String) throws {
        let text = try CodecFixture.forward(
            Array("POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\(line)\r\nX-B: 2\r\n\r\n".utf8),
            CodecFixture.rewrite(upstream: "http://b")
        )
        #expect(text.contains("\r\nX-A: 1\r\n\(expected)\r\nX-B: 2\r\n"), "\(text)")
    }

    @Test func `a traceparent passes, or is started`() throws {
        let given = try CodecFixture.forward(Array("GET / HTTP/1.1\r\nHost: a\r\nTraceparent: 00-1-2-00\r\n\r\n".utf8))
        #expect(given.matches(of: /(?i)traceparent/).count == 1)
        #expect(given.contains("Traceparent: 00-1-2-00\r\n"))
        let started = try CodecFixture.forward(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        #expect(started.matches(of: /\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01\r\n/).count == 1)
    }

    @Test func `injected names are set once, even when they are the rewrite's own`() throws {
        let names = ["Authorization", "Accept-Encoding", "X-Request-Id", "Traceparent", "Host", "Cookie"]
        let lines = names.map { "\($0): i\r\n" }.joined()
        let text = try CodecFixture.forward(
            Array(
                "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: c\r\nCookie: c\r\ntraceparent: c\r\nX_Request_Id: c\r\n\r\n"
                    .utf8
            ),
            CodecFixture.rewrite(inject: names),
            injected: lines
        )
        #expect(text == "GET / HTTP/1.1\r\n\(lines)\r\n")
    }

    @Test func `a route cannot strip a field that frames the message`() throws {
        let rewrite = CodecFixture.rewrite(strip: ["Content-*", "Transfer-Encoding"])
        #expect(try CodecFixture.passed("Content-Type: x\r\nContent-Length: 5", rewrite) == "Content-Length: 5\r\n")
        #expect(try CodecFixture.passed("Transfer-Encoding: chunked", rewrite) == "Transfer-Encoding: chunked\r\n")
    }

    @Test func `the bound holds for the largest heads`() throws {
        let cookies = "Cookie:" + String(repeating: "a;", count: 7000) + "CF_Authorization=x;b"
        #expect(try CodecFixture.passed(cookies).hasSuffix(";a;b\r\n"))
        let names = (0..<90).map { "X-\($0):\r\n" }.joined()
        let text = try CodecFixture.forward(
            Array("GET / HTTP/1.1\r\nHost: a\r\n\(names)\r\n".utf8),
            CodecFixture.rewrite(
                upstream: "http://\(String(repeating: "u", count: 253)):65535/\(String(repeating: "p", count: 500))"
            ),
            injected: String(repeating: "i", count: 8192)
        )
        #expect(text.hasSuffix("\r\n\r\n"))
    }
}
