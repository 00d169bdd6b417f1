import GatehouseCore
import Testing

/// A request that two servers could read differently, and what Gatehouse says to it. Nothing of one may reach an upstream.
struct AmbiguousRequest: Sendable, CustomTestStringConvertible {
    let name: String
    let raw: [UInt8]
    let reason: Reason

    init(_ name: String, _ raw: String, _ reason: Reason = .requestMalformed) {
        self.name = name
        self.raw = Array(raw.utf8)
        self.reason = reason
    }

    init(_ name: String, bytes raw: [UInt8], _ reason: Reason = .requestMalformed) {
        self.name = name
        self.raw = raw
        self.reason = reason
    }

    /// With a target, otherwise plain.
    static func target(_ target: String, _ reason: Reason = .pathAmbiguous) -> AmbiguousRequest {
        AmbiguousRequest("target \(target)", "GET \(target) HTTP/1.1\r\nHost: a.example\r\n\r\n", reason)
    }

    /// A POST with these field lines after its Host, and a body that reads as another request.
    static func fields(_ name: String, _ lines: String, body: String = "", _ reason: Reason = .requestMalformed)
        -> AmbiguousRequest
    {
        AmbiguousRequest(name, "POST /mcp HTTP/1.1\r\nHost: a.example\r\n\(lines)\r\n\r\n\(body)", reason)
    }

    var testDescription: String { name }

    /// Refused by the head alone.
    static let heads: [AmbiguousRequest] = [
        // Framing (RFC 9112 section 6.3, 11.2).
        .fields("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked", body: "0\r\n\r\nG"),
        .fields("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 3", body: "1\r\nG\r\n0\r\n\r\n"),
        .fields("two equal lengths", "Content-Length: 3\r\nContent-Length: 3", body: "abc"),
        .fields("two different lengths", "Content-Length: 3\r\nContent-Length: 0", body: "abc"),
        .fields("list of lengths", "Content-Length: 3, 3", body: "abc"),
        .fields("length with plus", "Content-Length: +3", body: "abc"),
        .fields("negative length", "Content-Length: -1"),
        .fields("hexadecimal length", "Content-Length: 0x3", body: "abc"),
        .fields("length with inner space", "Content-Length: 3 3"),
        .fields("length with underscores", "Content-Length: 1_0"),
        .fields("empty length", "Content-Length: "),
        .fields("length beyond 64 bits", "Content-Length: 18446744073709551617"),
        .fields("length beyond 63 bits", "Content-Length: 9223372036854775808"),
        .fields("TE xchunked", "Transfer-Encoding: xchunked", body: "0\r\n\r\n"),
        .fields("TE identity", "Transfer-Encoding: identity"),
        .fields("TE gzip, chunked", "Transfer-Encoding: gzip, chunked", body: "0\r\n\r\n"),
        .fields("TE chunked, chunked", "Transfer-Encoding: chunked, chunked", body: "0\r\n\r\n"),
        .fields("TE chunked, identity", "Transfer-Encoding: chunked, identity", body: "0\r\n\r\n"),
        .fields("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", body: "0\r\n\r\n"),
        .fields("TE twice, one unknown", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", body: "0\r\n\r\n"),
        .fields("TE quoted", "Transfer-Encoding: \"chunked\"", body: "0\r\n\r\n"),
        .fields("TE with parameter", "Transfer-Encoding: chunked;q=1", body: "0\r\n\r\n"),
        .fields("TE empty", "Transfer-Encoding:"),
        .fields("TE with vertical tab", "Transfer-Encoding: \u{0B}chunked", body: "0\r\n\r\n"),
        AmbiguousRequest("TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),

        // Lines.
        .fields("obs-fold with space", "X-A: 1\r\n b: 2"),
        .fields("obs-fold with tab", "X-A: 1\r\n\tb"),
        .fields("obs-fold of TE", "Transfer-Encoding:\r\n chunked", body: "0\r\n\r\n"),
        AmbiguousRequest("fold before the first field", "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n"),
        .fields("bare LF between fields", "X-A: 1\nX-B: 2"),
        .fields("bare CR in a value", "X-A: 1\rX-B: 2"),
        .fields("CR CR LF", "X-A: 1\r"),
        AmbiguousRequest("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        AmbiguousRequest("only bare LF", "GET / HTTP/1.1\nHost: a\n\n"),
        AmbiguousRequest("bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        AmbiguousRequest("bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
        AmbiguousRequest("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        .fields("space before colon", "Transfer-Encoding : chunked", body: "0\r\n\r\n"),
        .fields("tab before colon", "Content-Length\t: 3"),
        .fields("no colon", "Transfer-Encoding"),
        .fields("empty name", ": x"),
        .fields("space in name", "X A: 1"),
        .fields("quote in name", "X\"A: 1"),
        .fields("control in name", "X\u{01}A: 1"),
        .fields("letter beyond ASCII in name", "X-\u{E9}: 1"),
        AmbiguousRequest(
            "0xFF in name",
            bytes: Array("GET / HTTP/1.1\r\nHost: a\r\nX".utf8) + [0xFF] + Array(": 1\r\n\r\n".utf8)
        ),
        .fields("NUL in value", "X-A: 1\u{0}2"),
        .fields("escape in value", "X-A: \u{1B}[0m"),
        .fields("DEL in value", "X-A: \u{7F}"),
        .fields("form feed in value", "X-A: \u{0C}"),

        // Host (RFC 9112 section 3.2).
        AmbiguousRequest("no Host", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
        AmbiguousRequest("no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        .fields("two Hosts", "Host: b.example"),
        .fields("two equal Hosts", "Host: a.example"),
        .fields("two Origins", "Origin: https://a\r\nOrigin: https://b"),
        AmbiguousRequest("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        AmbiguousRequest("Host with user", "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n"),
        AmbiguousRequest("Host with path", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n"),
        AmbiguousRequest("Host list", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n"),
        AmbiguousRequest("Host with space", "GET / HTTP/1.1\r\nHost: a.example b.example\r\n\r\n"),
        AmbiguousRequest("Host with letters as port", "GET / HTTP/1.1\r\nHost: a.example:80a\r\n\r\n"),
        AmbiguousRequest("Host with port 0", "GET / HTTP/1.1\r\nHost: a.example:0\r\n\r\n"),
        AmbiguousRequest("Host with port 65536", "GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n"),
        AmbiguousRequest("Host with empty port", "GET / HTTP/1.1\r\nHost: a.example:\r\n\r\n"),
        AmbiguousRequest("Host with two ports", "GET / HTTP/1.1\r\nHost: a.example:80:81\r\n\r\n"),
        AmbiguousRequest("Host is a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
        AmbiguousRequest("Host with empty label", "GET / HTTP/1.1\r\nHost: a..example\r\n\r\n"),
        AmbiguousRequest("Host starts with dot", "GET / HTTP/1.1\r\nHost: .example\r\n\r\n"),
        AmbiguousRequest("Host percent-encoded", "GET / HTTP/1.1\r\nHost: %61.example\r\n\r\n"),
        AmbiguousRequest("Host in open brackets", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        AmbiguousRequest("Host in empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n"),
        AmbiguousRequest("Host with text after brackets", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
        AmbiguousRequest("Host of 254 bytes", "GET / HTTP/1.1\r\nHost: \(String(repeating: "a", count: 254))\r\n\r\n"),
        .target("http://b.example/x", .requestMalformed),
        .target("http://a.example:80/x", .requestMalformed),
        .target("http://u@a.example/x", .requestMalformed),
        .target("http://a.example", .requestMalformed),
        .target("http://a.example?x=/", .requestMalformed),
        .target("http:///x", .requestMalformed),
        .target("ftp://a.example/x", .requestMalformed),

        // The request line.
        AmbiguousRequest("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
        .target("mcp", .requestMalformed),
        .target("/a#b", .requestMalformed),
        .target("/a?b#c", .requestMalformed),
        .target("/\u{E9}", .requestMalformed),
        .target("/?\u{E9}", .requestMalformed),
        .target("/a\u{7F}", .requestMalformed),
        .target("/a\tb", .requestMalformed),
        .target("/a b", .requestMalformed),
        AmbiguousRequest("two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("two spaces after the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        AmbiguousRequest("space at the start", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("tabs as spaces", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("method with a colon", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("method beyond ASCII", "G\u{C9}T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("method of 33 bytes", "\(String(repeating: "A", count: 33)) / HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("no version", "GET /\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        AmbiguousRequest("version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("version with letters", "GET / HTTP/1.x\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("version with more digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        AmbiguousRequest("a TLS hello", bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]),

        // Paths.
        .target("/."), .target("/.."), .target("/a/./b"), .target("/a/../b"), .target("/../b"), .target("/a/.."),
        .target("/%2e"), .target("/%2E%2e/b"), .target("/.%2e/b"), .target("/%2e./b"), .target("/a/%2e?x"),
        .target("/..;/b"), .target("/.;x=1/b"), .target("/..%3bx/b"), .target("/..%3B"), .target("/%2e%2e;a/b"),
        .target("/..?x=1"),
        .target("//"), .target("//a"), .target("/a//b"), .target("/a//"),
        .target("/a\\b"), .target("/\\..\\b"), .target("/a%5cb"), .target("/a%5Cb"),
        .target("/a%2fb"), .target("/a%2Fb"), .target("/..%2fb"),
        .target("/a%00"), .target("/%00"), .target("/%"), .target("/%4"), .target("/%zz"), .target("/a%2"),
        .target("/%%32e"),
        .target("/%61dmin"), .target("/a%7Eb"), .target("/a%2Db"), .target("/a%5fb"), .target("/a%2etxt"),
        .target("http://a.example//x"), .target("http://a.example/../x"),
    ]

    /// Over a limit.
    static let oversized: [AmbiguousRequest] = [
        .target("/" + String(repeating: "a", count: 8192), .targetTooLong),
        .target("/" + String(repeating: "a", count: 20_000), .targetTooLong),
        .fields("101 fields", (0..<100).map { "X-\($0): y" }.joined(separator: "\r\n"), .headersTooLarge),
        .fields("32 KiB of one field", "X: " + String(repeating: "a", count: 32 << 10), .headersTooLarge),
        .fields(
            "32 KiB of fields",
            (0..<40).map { "X-\($0): " + String(repeating: "b", count: 900) }.joined(separator: "\r\n"),
            .headersTooLarge
        ),
        .fields("33 nominations", "Connection: " + (0..<33).map { "x\($0)" }.joined(separator: ",")),
    ]

    /// Refused in the body: chunked coding that is not plain.
    static let bodies: [AmbiguousRequest] = [
        ("size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("size with plus", "+3\r\nabc\r\n0\r\n\r\n"),
        ("negative size", "-3\r\nabc\r\n0\r\n\r\n"),
        ("space before the size", " 3\r\nabc\r\n0\r\n\r\n"),
        ("space after the size", "3 \r\nabc\r\n0\r\n\r\n"),
        ("space before an extension", "3 ;a\r\nabc\r\n0\r\n\r\n"),
        ("underscore in the size", "1_0\r\n"),
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
        ("extension without size", ";a\r\n\r\n"),
        ("size of 16 digits", "0000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("size beyond 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("bare LF after the size", "3\nabc\r\n0\r\n\r\n"),
        ("bare CR after the size", "3\rabc\r\n0\r\n\r\n"),
        ("bare LF after the data", "3\r\nabc\n0\r\n\r\n"),
        ("no end of line after the data", "3\r\nabc0\r\n\r\n"),
        ("more data than the size", "3\r\nabcd\r\n0\r\n\r\n"),
        ("bare CR after the data", "3\r\nabc\r0\r\n\r\n"),
        ("CR and another byte after the data", "3\r\nabc\rX0\r\n\r\n"),
        ("CR and another byte at the end", "0\r\n\rX"),
        ("bare LF after the last size", "0\n\r\n"),
        ("bare LF at the end", "0\r\n\n"),
        ("bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n"),
        ("bare CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n"),
        ("control in an extension", "3;a\u{01}\r\nabc\r\n0\r\n\r\n"),
        ("NUL in a quoted extension", "3;a=\"\u{0}\"\r\nabc\r\n0\r\n\r\n"),
        ("CRLF in a quoted extension", "3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"),
        ("extension without a name", "3;\r\nabc\r\n0\r\n\r\n"),
        ("extensions over 256 bytes", "3;" + String(repeating: "a", count: 256) + "\r\nabc\r\n0\r\n\r\n"),
        ("trailer with obs-fold", "0\r\nX: y\r\n z\r\n\r\n"),
        ("trailer with bare LF", "0\r\nX: y\n\r\n"),
        ("trailer with a space before the colon", "0\r\nX : y\r\n\r\n"),
        ("trailer without colon", "0\r\nX\r\n\r\n"),
        ("trailer with NUL", "0\r\nX: \u{0}\r\n\r\n"),
    ].map { .fields("chunked: " + $0.0, "Transfer-Encoding: chunked", body: $0.1) }
}
