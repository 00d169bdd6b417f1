import GatehouseTestSupport

/// Makes requests and responses that are valid or nearly so, the same for the same seed.
struct Mutator {
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed &* 0x9E37_79B9_7F4A_7C15 | 1) }

    private mutating func next() -> UInt64 { random.next() }

    mutating func number(_ below: Int) -> Int { Int(next() % UInt64(below)) }
    mutating func chance(_ percent: Int) -> Bool { number(100) < percent }
    private mutating func one<Element>(_ elements: [Element]) -> Element { elements[number(elements.count)] }

    mutating func noise(_ below: Int) -> [UInt8] { (0..<number(below)).map { _ in UInt8(truncatingIfNeeded: next()) } }

    private static let methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
    private static let targets = [
        "/", "/mcp", "/mcp?a=1&key=2", "/a/b/c", "/a%20b", "/a.b", "/mcp?x=%41", "/x;y=1", "http://a.example/x",
        "/a/../b", "//a", "/a?b?c",
        "/%2e", "/sse?sessionId=abc&key", "/a?",
    ]
    private static let requestLines = [
        "Accept: */*", "User-Agent: x/1.0 (y)", "Content-Type: application/json", "X-Empty:", "X-Spaces:   a b\t ",
        "Cookie: a=1; CF_Authorization=t; b=2",
        "Authorization: Bearer x", "Cf-Access-Jwt-Assertion: a.b.c", "cf_access_user: x", "X-Api-Key: k",
        "x_api_key: k", "Accept-Encoding: gzip", "Origin: https://a",
        "Connection: keep-alive", "Connection: close", "Connection: x-hop, upgrade", "X-Hop: 1", "Upgrade: websocket",
        "Upgrade: h2c", "TE: trailers",
        "Keep-Alive: timeout=5", "Proxy-Authorization: x", "Expect: 100-continue", "traceparent: 00-a-b-01",
        "X-Coda-Key: x", "Mcp-Session-Id: s",
        "X-Utf8: gr\u{FC}n", "Content_Length: 9", "Forwarded: for=1", "Host: b.example", "Transfer-Encoding: gzip",
        "Content-Length: 7", "X-Long: \(String(repeating: "l", count: 300))",
    ]
    private static let responseLines = [
        "Date: x", "Server: y", "Content-Type: text/event-stream", "Content-Type: application/json",
        "Cache-Control: no-cache", "Location: http://up:8080/v1/x",
        "Location: /x", "Set-Cookie: a=b", "Connection: keep-alive", "Connection: close, x-hop", "X-Hop: 1",
        "Keep-Alive: timeout=4", "X-Request-Id: u", "Upgrade: h2c",
        "X-Accel-Buffering: yes", "Content-Length: 7", "Transfer-Encoding: gzip", "Trailer: X", "Mcp-Session-Id: s",
    ]
    private static let snippets = [
        "\r\n", "\n", "\r", " ", "\t", ":", "\0", "\u{7F}", "%", "%2e", "..", "/", "//", "\\", ";", ",", "chunked", "0",
        "0\r\n\r\n", "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n", "Host: a.example\r\n", "\u{E9}", "HTTP/1.1", "HTTP/1.0", "#", "\r\n ", "_",
        "-", "+", "0x", "\"",
    ]

    mutating func request() -> [UInt8] {
        var text = "\(one(Self.methods)) \(one(Self.targets)) HTTP/1.\(chance(90) ? 1 : 0)\r\nHost: a.example\r\n"
        return message(&text, Self.requestLines)
    }

    mutating func response() -> [UInt8] {
        var text =
            "HTTP/1.\(chance(90) ? 1 : 0) \(one(["200 OK", "404 Not Found", "204 No Content", "304 x", "100 Continue", "302 ", "500", "207 Multi"]))\r\n"
        return message(&text, Self.responseLines)
    }

    /// Adds fields and a body that agree, then damages half of the messages in one to three places.
    private mutating func message(_ text: inout String, _ lines: [String]) -> [UInt8] {
        for _ in 0..<number(6) { text += one(lines) + "\r\n" }
        switch number(4) {
        case 0: text += "\r\n"
        case 1:
            let length = number(30)
            text += "Content-Length: \(length)\r\n\r\n" + String(repeating: "b", count: length)
        case _:
            text += "Transfer-Encoding: chunked\r\n\r\n"
            for _ in 0..<number(4) {
                let size = number(20) + 1
                text +=
                    String(size, radix: 16, uppercase: chance(50))
                    + one(["", "", "", ";a", ";a=b", ";a=\"b c\"", ";a=b;c"]) + "\r\n"
                text += String(repeating: "c", count: size) + "\r\n"
            }
            text += "0\r\n" + (chance(25) ? "X-Sum: 1\r\n" : "") + "\r\n"
        }
        var bytes = Array(text.utf8)
        if chance(50) { for _ in 0...number(3) { damage(&bytes) } }
        return bytes
    }

    mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let at = number(bytes.count)
        switch number(6) {
        case 0: bytes[at] = UInt8(truncatingIfNeeded: next())
        case 1: bytes.remove(at: at)
        case 2, 3: bytes.insert(contentsOf: Array(one(Self.snippets).utf8), at: at)
        case 4: bytes.replaceSubrange(at..<min(bytes.count, at + number(8)), with: Array(one(Self.snippets).utf8))
        case _: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + number(12))], at: at)
        }
    }
}
