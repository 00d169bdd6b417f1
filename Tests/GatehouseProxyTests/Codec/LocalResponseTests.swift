import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct LocalResponseTests {
    static func text(
        _ response: LocalResponse,
        persistence: ResponseRewrite.Persistence = .implied,
        isHEAD: Bool = false
    ) -> String {
        let bytes = CodecFixture.output(response.bound) {
            response.write(requestID: CodecFixture.requestID, persistence: persistence, isHEAD: isHEAD, into: $0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a refusal of nobody carries a challenge`() {
        let body =
            #"{"error":"unauthenticated","message":"The caller could not be authenticated.","request_id":"\#(CodecFixture.idText)"}"#
        #expect(
            Self.text(LocalResponse(.assertionExpired)) == """
                HTTP/1.1 401 Unauthorized\r
                Content-Type: application/json\r
                Cache-Control: no-store\r
                WWW-Authenticate: Bearer error="invalid_token"\r
                X-Request-Id: \(CodecFixture.idText)\r
                Content-Length: \(body.utf8.count)\r
                \r
                \(body)
                """
        )
    }

    @Test(arguments: Reason.allCases)
    func `each reason is a whole response`(reason: Reason) throws {
        var response = LocalResponse(reason)
        response.retryAfter = Int.max
        let bytes = CodecFixture.output(LocalResponse.maximumLength) {
            response.write(requestID: CodecFixture.requestID, persistence: .close, into: $0)
        }
        let text = String(decoding: bytes, as: UTF8.self)
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
            $0.string("request_id", CodecFixture.requestID.description)
        }
        #expect(String(decoding: raw[parser.head.length...], as: UTF8.self) == expected.text)
        #expect(text.contains("WWW-Authenticate") == (reason.status == 401))
    }

    @Test func `the content is left out for HEAD and its length told`() {
        var response = LocalResponse(.rateLimited)
        response.retryAfter = 7
        let whole = Self.text(response, persistence: .keepAlive)
        let head = Self.text(response, persistence: .keepAlive, isHEAD: true)
        #expect(head.hasSuffix("\r\n\r\n"))
        #expect(whole.hasPrefix(head))
        #expect(head.contains("\r\nRetry-After: 7\r\nConnection: keep-alive\r\n"))
    }

    @Test func `a document may be kept and a preflight has no content`() {
        let document = Self.text(.document(Array("{}".utf8), lines: Array("A: b\r\n".utf8)))
        #expect(document.contains("\r\nCache-Control: max-age=300\r\nA: b\r\n"))
        #expect(document.hasSuffix("\r\nContent-Length: 2\r\n\r\n{}"))
        let preflight = Self.text(.preflight(Array("A: b\r\n".utf8)), persistence: .close)
        #expect(
            preflight
                == "HTTP/1.1 204 No Content\r\nA: b\r\nConnection: close\r\nX-Request-Id: \(CodecFixture.idText)\r\n\r\n"
        )
    }
}
