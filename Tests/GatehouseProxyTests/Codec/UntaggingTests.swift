import GatehouseCore
import Testing

@testable import GatehouseProxy

/// A session's tag is left out of what the upstream gets; nothing else is.
@Suite struct UntaggingTests {
    private static func forward(_ raw: String, field: Int = 0, query: String? = nil, strip: [String] = []) throws
        -> String
    {
        let bytes = Array(raw.utf8)
        let (progress, head) = CodecFixture.parse(bytes)
        try #require(progress == .complete)
        let rewrite = CodecFixture.rewrite(query: strip)
        let tag = query.flatMap { raw.firstRange(of: $0) }.map { range in
            let start = raw.utf8.distance(from: raw.startIndex, to: range.lowerBound)
            return ByteRange(start, start + raw[range].utf8.count)
        }
        let output = CodecFixture.output(rewrite.bound(head, injectedCount: 0)) { output in
            rewrite.write(
                head,
                bytes: bytes.span,
                prefixLength: 0,
                injectedLines: UnsafeRawBufferPointer(start: nil, count: 0),
                requestID: CodecFixture.requestID,
                untagging: RequestRewrite.Untagging(field: field, query: tag),
                into: output
            ).count
        }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: ["Mcp-Session-Id: abc.TAG", "mcp-session-id:abc.TAG  "])
    func `at the end of the field`(line: String) throws {
        let text = try Self.forward("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\n\(line)\r\nB: 2\r\n\r\n", field: 4)
        #expect(text.contains("\r\nA: 1\r\n\(line.prefix(while: { $0 != "." }))\r\nB: 2\r\n"))
    }

    @Test func `a field without a tag stays`() throws {
        let text = try Self.forward("GET / HTTP/1.1\r\nHost: a\r\nMcp-Session-Id: abc.TAG\r\n\r\n")
        #expect(text.contains("\r\nMcp-Session-Id: abc.TAG\r\n"))
    }

    @Test(
        arguments: [
            ("?session_id=ab.TAG", [], "?session_id=ab"), ("?x=1&session_id=ab.TAG&y=2", [], "?x=1&session_id=ab&y=2"),
            ("?key=1&session_id=ab.TAG&y=2", ["key"], "?session_id=ab&y=2"),
            ("?session_id=ab.TAG&key=1", ["key"], "?session_id=ab"),
            ("?session_id=ab.TAG&y=2", ["session_id"], "?y=2"),
        ] as [(String, [String], String)]
    )
    func `in the query, whatever is stripped beside it`(query: String, strip: [String], expected: String) throws {
        let text = try Self.forward("POST /m\(query) HTTP/1.1\r\nHost: a\r\n\r\n", query: ".TAG", strip: strip)
        #expect(text.hasPrefix("POST /m\(expected) HTTP/1.1\r\n"))
    }
}
