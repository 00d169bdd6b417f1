@testable import CurlClient
import GatehouseCore
import Testing

@testable import GatehouseTokens

@Suite struct AnswersOfTokenEndpoints {
    static let now = Timestamp(seconds: 1_764_000_000)

    private func grant(_ json: String) throws -> TokenGrant {
        let answer = try #require(TokenAnswer(CurlBody(json)))
        return try answer.grant(after: Secret("old-refresh"), seed: nil, sentAt: Self.now)
    }

    @Test func `answers of token endpoints are taken`() throws {
        let grant = try grant(
            #"{"access_token":"a-1","token_type":"Bearer","expires_in":3600,"refresh_token":"r-2","scope":"x","more":{"a":[1]}}"#
        )
        #expect(grant.access.text == "a-1")
        #expect(grant.refresh?.text == "r-2")
        #expect(grant.expiresAt == Self.now + .seconds(3600))
    }

    /// RFC 6749 section 6: where the answer has none, the one that was shown goes on.
    @Test func `answers of token endpoints may leave the refresh token out`() throws {
        #expect(try grant(#"{"access_token":"a-1"}"#).refresh?.text == "old-refresh")
        #expect(try grant(#"{"access_token":"a-1","refresh_token":""}"#).refresh?.text == "old-refresh")
    }

    @Test(
        arguments: [
            (#""3600""#, 3600), ("3600", 3600), (#""x""#, nil), ("null", nil), ("0", nil), ("-5", nil), (#""-5""#, nil),
            ("1.5", nil), ("true", nil), ("[3600]", nil), (#""""#, nil), ("99999999999999999999", nil),
            ("9223372036854775807", TokenAnswer.longestLifetime),
        ] as [(String, Int64?)]
    )
    func `answers of token endpoints say in many ways when they end`(written: String, seconds: Int64?) throws {
        let grant = try grant(#"{"access_token":"a-1","expires_in":\#(written)}"#)
        #expect(grant.expiresAt == seconds.map { Self.now + .seconds($0) })
    }

    @Test(
        arguments: [
            "", "[]", "null", "a", "{", #"{"access_token":"a","access_token":"b"}"#, #"{"access_token":"a"} x"#,
            #"{"access_token":"\#(String(repeating: "[", count: 100_000))"#,
        ]
    )
    func `answers that are none of a token endpoint are not taken`(text: String) {
        #expect(TokenAnswer(CurlBody(text)) == nil)
    }

    @Test(
        arguments: [
            (#"{}"#, "no access token"), (#"{"access_token":""}"#, "no access token"),
            (#"{"access_token":7}"#, "no access token"),
            (#"{"access_token":"a\r\nX-Evil: 1"}"#, "cannot be sent"),
            (#"{"access_token":"a","token_type":"DPoP"}"#, "of a type"),
            (#"{"access_token":"\#(String(repeating: "a", count: 8193))"}"#, "cannot be sent"),
            (
                #"{"access_token":"a","refresh_token":"\#(String(repeating: "a", count: 8193))"}"#,
                "refresh token is longer"
            ),
        ]
    )
    func `answers of token endpoints without a usable token are named`(text: String, words: String) throws {
        let failure = #expect(throws: RenewalFailure.self) { try grant(text) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains(words) == true)
        #expect(failure?.message.contains("Evil") == false)
    }

    @Test(
        arguments: [
            (
                400, #"{"error":"invalid_grant","error_description":"secret-words"}"#, RenewalFailure.Code.ended,
                "400 invalid_grant"
            ),
            (401, #"{"error":"invalid_client"}"#, .unavailable, "401 invalid_client"),
            (400, #"{"error":"invalid_scope"}"#, .unavailable, "400 invalid_scope"),
            (400, #"{"error":"\u001b[31mred"}"#, .unavailable, "answers 400"),
            (500, "<html>secret-words</html>", .unavailable, "answers 500"),
        ]
    )
    func `answers of token endpoints that refuse are sorted and quoted by their code alone`(
        status: Int,
        body: String,
        code: RenewalFailure.Code,
        words: String
    ) {
        let failure = TokenAnswer.failure(CurlResponse(status: status, headers: [], body: CurlBody(body)))
        #expect(failure.code == code)
        #expect(failure.message.hasSuffix(words))
        #expect(!"\(failure)\(failure.hint ?? "")".contains("secret-words"))
    }

    @Test(arguments: [("120", 120), ("999999999", 86_400), ("-1", 0), ("soon", nil)] as [(String, Int?)])
    func `answers of token endpoints may ask to wait`(written: String, seconds: Int?) {
        let headers = [(name: "retry-after", value: written)]
        let failure = TokenAnswer.failure(CurlResponse(status: 503, headers: headers, body: CurlBody("")))
        #expect(failure.retryAfter == seconds.map { Duration.seconds($0) })
    }
}
