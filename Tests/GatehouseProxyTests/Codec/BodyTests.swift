import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct BodyTests {
    @Test(arguments: [1, 2, 3, 5, 1000])
    func `the body scanner counts a length through`(step: Int) {
        let body = CodecFixture.readBody(Array("hello worldGET /".utf8), .length(11), step: step)
        #expect(
            body == CodecFixture.Body(state: .complete, payload: Array("hello world".utf8), consumed: 11, trailers: nil)
        )
        #expect(BodyScanner(.length(0)).isComplete)
        #expect(BodyScanner(.none).isComplete)
    }

    @Test(arguments: [1, 2, 3, 5, 1000])
    func `the body scanner takes chunks apart`(step: Int) {
        let raw = "5\r\nhello\r\n000A;a=b;c=\"d\\\" ;\";e\r\n world 123\r\n0;x\r\n\r\n"
        let body = CodecFixture.readBody(Array("\(raw)GET /".utf8), .chunked, step: step)
        #expect(
            body
                == CodecFixture.Body(
                    state: .complete,
                    payload: Array("hello world 123".utf8),
                    consumed: raw.utf8.count,
                    trailers: nil
                )
        )
    }

    @Test func `a body until close never completes`() {
        var scanner = BodyScanner(.untilClose)
        let bytes = Array("abc".utf8)
        #expect(scanner.scan(bytes.span) == BodyProgress(consumed: 3, payload: 3, state: .incomplete))
        #expect(scanner.endsWithConnection)
        #expect(!BodyScanner(.chunked).endsWithConnection)
        #expect(!BodyScanner(.length(1)).endsWithConnection)
    }

    @Test func `the body scanner takes the largest size and the longest extension`() {
        var scanner = BodyScanner(.chunked)
        let size = Array("fffffffffffffff;\(String(repeating: "a", count: 255))\r\nxyz".utf8)
        #expect(scanner.scan(size.span) == BodyProgress(consumed: size.count, payload: 3, state: .incomplete))
    }

    @Test func `a refused body stays refused`() {
        var scanner = BodyScanner(.chunked, malformed: .upstreamMalformed)
        let bad = Array("x".utf8)
        let good = Array("0\r\n\r\n".utf8)
        #expect(scanner.scan(bad.span) == BodyProgress(consumed: 0, payload: 0, state: .refused(.upstreamMalformed)))
        #expect(scanner.scan(good.span).state == .refused(.upstreamMalformed))
    }

    @Test func `the body scanner knows where a chunk could be inserted`() {
        let raw = Array("3;a\r\nabc\r\n0\r\n\r\n".utf8)
        var scanner = BodyScanner(.chunked)
        var places: [Int] = []
        for index in 0...raw.count {
            if scanner.isAtChunkBoundary { places.append(index) }
            if index < raw.count { _ = scanner.scan(raw.span.extracting(index..<(index + 1))) }
        }
        #expect(places == [0, 10])
        #expect(!BodyScanner(.length(4)).isAtChunkBoundary)
        #expect(BodyScanner(.untilClose).isAtChunkBoundary)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `trailers obey the rules of fields`(step: Int) {
        let dropped = """
            Cf-Access-Jwt-Assertion: x\r
            cf_access_user: x\r
            X-Api-Key: x\r
            x_api_key: x\r
            X-Coda-Key: x\r
            Authorization: x\r
            Content-Length: 5\r
            Transfer-Encoding: chunked\r
            Host: x\r
            Cookie: CF_Authorization=x\r
            X-Request-Id: x\r
            content_length: 1\r
            Mcp-Session-Id: x\r\n
            """
        let raw = "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\(dropped)x-more:2\r\n\r\n"
        let filter = TrailerFilter(CodecFixture.rewrite(strip: ["X-Coda-*"]))
        let body = CodecFixture.readBody(Array("\(raw)GET".utf8), .chunked, step: step, trailers: filter)
        #expect(body.trailers == "X-Sum: 1\r\nx-more:2\r\n\r\n")
        #expect(body.state == .complete)
        #expect(body.consumed == raw.utf8.count)
    }

    @Test(arguments: [1, 1000, 100_000])
    func `trailers are bounded`(step: Int) {
        let many = (0...100).map { "X\($0): y\r\n" }.joined()
        #expect(
            CodecFixture.readBody(Array("0\r\n\(many)\r\n".utf8), .chunked, step: step).state
                == .refused(.headersTooLarge)
        )
        let large = "X: " + String(repeating: "a", count: 33_000)
        #expect(
            CodecFixture.readBody(Array("0\r\n\(large)\r\n\r\n".utf8), .chunked, step: step).state
                == .refused(.headersTooLarge)
        )
        let sum = (0..<40).map { "X\($0): \(String(repeating: "b", count: 900))\r\n" }.joined()
        #expect(
            CodecFixture.readBody(Array("0\r\n\(sum)\r\n".utf8), .chunked, step: step).state
                == .refused(.headersTooLarge)
        )
        let upstream = CodecFixture.readBody(
            Array("0\r\n\(String(repeating: "X: y\r\n", count: 201))\r\n".utf8),
            .chunked,
            step: step,
            trailers: .response
        )
        #expect(upstream.state == .refused(.upstreamMalformed))
    }
}
