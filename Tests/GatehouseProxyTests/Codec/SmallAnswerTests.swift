import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct SmallAnswerTests {
    static func text(_ answer: SmallAnswer) -> String {
        String(decoding: Bench.output(SmallAnswer.maximumLength) { answer.write(into: $0) }, as: UTF8.self)
    }

    @Test func refusesWithAChallenge() {
        let body =
            #"{"error":"unauthenticated","message":"The caller could not be authenticated.","request_id":"\#(Bench.idText)"}"#
        #expect(
            Self.text(SmallAnswer(.assertionExpired, requestID: Bench.requestID)) == """
                HTTP/1.1 401 Unauthorized\r
                Content-Type: application/json\r
                Cache-Control: no-store\r
                WWW-Authenticate: Bearer error="invalid_token"\r
                X-Request-Id: \(Bench.idText)\r
                Content-Length: \(body.utf8.count)\r
                \r
                \(body)
                """
        )
    }

    @Test(arguments: Reason.allCases)
    func isAWholeResponse(reason: Reason) throws {
        let answer = SmallAnswer(reason, requestID: Bench.requestID, persistence: .close, retryAfter: Int.max)
        let text = Self.text(answer)
        let raw = Array(text.utf8)
        var parser = ResponseHeadParser()
        try #require(parser.parse(raw.span) == .complete)
        #expect(parser.head.status == reason.status)
        #expect(parser.head.framing == .length(raw.count - parser.head.length))
        #expect(!parser.head.isKeepAlive)
        #expect(parser.head.contentType.map { raw.span.text($0) } == "application/json")
        #expect(!parser.head.reasonPhrase.isEmpty)
        #expect(text.contains("\r\nRetry-After: 9223372036854775807\r\n"))
        var expected = JSONText()
        expected.object {
            $0.string("error", reason.publicCode.rawValue)
            $0.string("message", String(describing: reason.answer.message))
            $0.string("request_id", Bench.requestID.description)
        }
        #expect(String(decoding: raw[parser.head.length...], as: UTF8.self) == expected.text)
        #expect(text.contains("WWW-Authenticate") == (reason.status == 401))
    }

    @Test func leavesTheBodyOutForHEAD() {
        let whole = Self.text(
            SmallAnswer(.rateLimited, requestID: Bench.requestID, persistence: .keepAlive, retryAfter: 7)
        )
        let head = Self.text(
            SmallAnswer(.rateLimited, requestID: Bench.requestID, persistence: .keepAlive, isHEAD: true, retryAfter: 7)
        )
        #expect(head.hasSuffix("\r\n\r\n"))
        #expect(whole.hasPrefix(head))
        #expect(head.contains("\r\nRetry-After: 7\r\nConnection: keep-alive\r\n"))
    }
}
