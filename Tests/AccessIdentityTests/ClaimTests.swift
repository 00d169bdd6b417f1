import AccessIdentity
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Payloads that are refused, and payloads that must pass although they look odd.
@Suite struct ClaimTests {
    let gate = Gate()
    var issuer: TestIssuer { gate.issuer }
    private var david: String { "user david@example.com" }
    private var now: Int64 { Gate.now }

    @Test(arguments: [
        "", "null", "[]", "{", #"{"type":"app""#, "{} {}", "{}x", "\u{FEFF}{}", #"{"a":1,"a":1}"#,
        #"{"exp":1,"\u0065xp":2}"#,
        #"{"custom":{"a":1,"a":2}}"#, #"{"a":"\ud800"}"#, "{\"a\":\"\u{1}\"}", #"{"a":01}"#, #"{"a":NaN}"#,
        #"{"a":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"#,
    ])
    func `the verifier wants a strict payload`(_ payload: String) {
        #expect(gate.verdict(issuer.mint(payload: payload)) == "assertion_malformed")
    }

    @Test func `the verifier wants a strict payload beside good claims`() {
        let token = issuer.user(with: ["x": #"{"a":[1,{"b":2,"b":3}]}"#])
        #expect(gate.verdict(token) == "assertion_malformed")
        let good = issuer.user(with: [
            "x": #"{"a":[1,{"b":2,"c":3}]}"#, "y": "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]", "\\u0000": "1",
        ])
        #expect(gate.verdict(good) == david)
        let deep = issuer.user(with: ["y": "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"])
        #expect(gate.verdict(deep) == "assertion_malformed")
    }

    @Test func `the verifier refuses a payload that is not UTF-8`() {
        for bytes in [[0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xFF], [0xE9]] as [[UInt8]] {
            let payload = Array(#"{"type":"app","email":""#.utf8) + bytes + Array(#""}"#.utf8)
            let token = issuer.mint(header: Array(issuer.header.utf8), payload: payload)
            #expect(gate.verdict(token) == "assertion_malformed")
        }
    }

    @Test(arguments: [#""match""#, #""org""#, #""App""#, #""app ""#, #""""#, "null", #"["app"]"#, nil])
    func `the verifier wants a token of an application`(_ type: String?) {
        #expect(gate.verdict(issuer.user(with: ["type": type])) == "assertion_type")
    }

    @Test(arguments: [
        #""https://example.cloudflareaccess.com/""#, #""https://EXAMPLE.cloudflareaccess.com""#,
        #""http://example.cloudflareaccess.com""#, #""https://evil.cloudflareaccess.com""#, #""""#, "null",
        #"["https://example.cloudflareaccess.com"]"#, nil,
    ])
    func `the verifier wants the exact issuer`(_ value: String?) {
        #expect(gate.verdict(issuer.user(with: ["iss": value])) == "assertion_issuer")
    }

    @Test(arguments: ["[]", #""""#, #"["other"]"#, #""other""#, "null", "7", "{}", nil])
    func `the verifier wants an accepted audience`(_ value: String?) {
        #expect(gate.verdict(issuer.user(with: ["aud": value])) == "assertion_audience")
    }

    @Test func `the verifier takes audiences as string or array`() {
        let tag = issuer.audience
        #expect(gate.verdict(issuer.user(with: ["aud": #""\#(tag)""#])) == david)
        #expect(gate.verdict(issuer.user(with: ["aud": #"["other","\#(tag)"]"#])) == david)
        #expect(gate.verdict(issuer.user(), audiences: ["other", tag]) == david)
        #expect(gate.verdict(issuer.user(), audiences: []) == "assertion_audience")
        #expect(gate.verdict(issuer.user(), audiences: [tag.uppercased()]) == "assertion_audience")
        #expect(gate.verdict(issuer.user(with: ["aud": #"["\#(tag)",7]"#])) == "assertion_audience")
        #expect(gate.verdict(issuer.user(with: ["aud": #"[["\#(tag)"]]"#])) == "assertion_audience")
    }

    @Test func `the verifier compares expiry with the skew`() {
        let token = issuer.user(lasting: 100)
        let fresh = { Gate().verdict(token, now: $0) }
        #expect(fresh(now + 99) == david)
        #expect(fresh(now + 129) == david)
        #expect(fresh(now + 130) == "assertion_expired")
        #expect(Gate(clockSkew: 0).verdict(token, now: now + 99) == david)
        #expect(Gate(clockSkew: 0).verdict(token, now: now + 100) == "assertion_expired")
    }

    @Test func `the verifier compares issue and start with the skew`() {
        func at(_ claim: String, _ offset: Int64) -> String {
            gate.verdict(
                claim == "iat"
                    ? issuer.user(with: ["iat": "\(now + offset)"]) : issuer.user(with: ["nbf": "\(now + offset)"])
            )
        }
        for claim in ["iat", "nbf"] {
            #expect(at(claim, 30) == david)
            #expect(at(claim, 31) == "assertion_not_yet_valid")
            #expect(at(claim, -100_000) == david)
        }
    }

    @Test(arguments: [
        "null", #""1795428000""#, "1795428000.0", "1795428000.5", "1.795428e9", "1e10", "true", "[]",
        "9223372036854775808",
    ])
    func `the verifier wants integers for times`(_ value: String) {
        #expect(gate.verdict(issuer.user(with: ["exp": value])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["iat": value])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["nbf": value])) == "assertion_malformed")
    }

    @Test func `the verifier wants expiry and issue time, but no start`() {
        #expect(gate.verdict(issuer.user(with: ["exp": nil])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["iat": nil])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["nbf": nil])) == david)
        #expect(gate.verdict(issuer.service(with: ["nbf": "\(now)"])).hasPrefix("service "))
    }

    @Test func `extreme times neither trap nor pass`() {
        #expect(gate.verdict(issuer.user(with: ["exp": "-1"])) == "assertion_expired")
        #expect(gate.verdict(issuer.user(with: ["exp": "\(Int64.min)"])) == "assertion_expired")
        #expect(gate.verdict(issuer.user(with: ["exp": "\(Int64.max)"])) == david)
        #expect(gate.verdict(issuer.user(with: ["iat": "\(Int64.max)"])) == "assertion_not_yet_valid")
        #expect(gate.verdict(issuer.user(with: ["nbf": "\(Int64.max)"])) == "assertion_not_yet_valid")
        #expect(gate.verdict(issuer.user(with: ["iat": "\(Int64.min)"])) == david)
        #expect(Gate(maximumTokenAge: 10).verdict(issuer.user(with: ["iat": "\(Int64.min)"])) == "assertion_too_old")
        #expect(Gate(maximumTokenAge: .max).verdict(issuer.user(with: ["iat": "1"])) == david)
        for time in [Int64.min, .max] { #expect(gate.verdict(issuer.user(), now: time).hasPrefix("assertion_")) }
    }

    @Test func `the verifier bounds the age when asked`() {
        let token = issuer.user(now: now - 1000, lasting: 5000)
        #expect(Gate().verdict(token) == david)
        #expect(Gate(maximumTokenAge: 970).verdict(token) == david)
        #expect(Gate(maximumTokenAge: 969).verdict(token) == "assertion_too_old")
        #expect(Gate(clockSkew: 0, maximumTokenAge: 1000).verdict(token) == david)
        #expect(Gate(clockSkew: 0, maximumTokenAge: 999).verdict(token) == "assertion_too_old")
    }

    @Test func `the verifier wants exactly one principal`() {
        let service = #""x.access""#
        #expect(gate.verdict(issuer.user(with: ["common_name": service])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["common_name": #""""#])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["common_name": "null"])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["email": nil])) == "assertion_malformed")
        #expect(gate.verdict(issuer.service(with: ["common_name": nil])) == "assertion_malformed")
        #expect(gate.verdict(issuer.service(with: ["common_name": nil, "sub": #""abc""#])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["email": nil, "common_name": service])) == "service x.access")
        #expect(gate.verdict(issuer.user(with: ["Email": #""eve@example.com""#])) == david)
    }

    @Test(arguments: [
        #""""#, "null", "7", #"["david@example.com"]"#, #""david@example.com\u0000""#, #""david\n@example.com""#,
        "\"david@example.com\u{7F}\"", "\"david@example.com\u{85}\"", #""\u009bdavid@example.com""#,
    ])
    func `the verifier wants a principal fit for a header`(_ name: String) {
        #expect(gate.verdict(issuer.user(with: ["email": name])) == "assertion_malformed")
        #expect(gate.verdict(issuer.service(with: ["common_name": name])) == "assertion_malformed")
    }

    @Test func `the verifier resolves escapes in names and keeps the subject`() throws {
        #expect(
            gate.verdict(issuer.user(with: ["email": #""d\u00e9d\u00e9@ex\u0061mple.com""#])) == "user dédé@example.com"
        )
        let verdict = gate.verifier.verify(fields: [issuer.user()], audiences: [issuer.audience], now: now)
        guard case .verified(let assertion) = verdict else { throw TestFailure() }
        #expect(assertion.subject == "7335d417-61da-459d-899c-0a01c76a2f94")
        #expect(assertion.expiresAt == now + 3600)
        #expect(assertion.issuedAt == now)
        #expect(assertion.notBefore == now)
        #expect(assertion.keyID == "1f0a2c5d7e")
        #expect(assertion.audiences == [issuer.audience])
        #expect(assertion.attachment == nil)
    }

    @Test func `the verifier takes a missing subject, and refuses one that is no text`() {
        #expect(gate.verdict(issuer.user(with: ["sub": nil])) == david)
        #expect(gate.verdict(issuer.user(with: ["sub": "7"])) == "assertion_malformed")
        #expect(gate.verdict(issuer.user(with: ["sub": #""a\r\nX-Evil: 1""#])) == "assertion_malformed")
    }

    @Test func `the verifier refuses a principal whom the policy denies`() {
        let token = issuer.user("David@Example.com")
        #expect(Gate(denied: .init(users: ["DAVID@example.com"])).verdict(token) == "assertion_denied")
        #expect(Gate(denied: .init(users: ["*@EXAMPLE.com"])).verdict(token) == "assertion_denied")
        #expect(Gate(denied: .init(users: ["*@example.org"])).verdict(token) == "user David@Example.com")
        #expect(Gate(denied: .init(users: ["avid@example.com"])).verdict(token) == "user David@Example.com")
        #expect(Gate(denied: .init(serviceTokens: ["David@Example.com"])).verdict(token) == "user David@Example.com")
        #expect(
            Gate(denied: .init(subjects: ["7335d417-61da-459d-899c-0a01c76a2f94"])).verdict(token) == "assertion_denied"
        )
        let service = issuer.service("x.access")
        #expect(Gate(denied: .init(serviceTokens: ["x.access"])).verdict(service) == "assertion_denied")
        #expect(Gate(denied: .init(serviceTokens: ["X.access"])).verdict(service) == "service x.access")
        #expect(Gate(denied: .init(users: ["x.access"])).verdict(service) == "service x.access")
    }

    @Test func `who is denied by command is denied beside whom the file denies`() {
        let gate = Gate(denied: .init(users: ["ann@example.com"]))
        let file = gate.verifier.policy
        func deny(_ kind: DenyEntry.Kind, _ text: String) {
            let entry = DenyEntry(kind, text, by: "ops", at: Timestamp(microseconds: 0))
            gate.verifier.update(policy: file.denying(DenyBook(entry)))
        }
        let service = issuer.service("x.access")
        deny(.user, "DAVID@example.com")
        #expect(gate.verdict(issuer.user("david@example.com")) == "assertion_denied")
        #expect(gate.verdict(issuer.user("ann@example.com")) == "assertion_denied")
        #expect(gate.verdict(service) == "service x.access")
        deny(.serviceToken, "x.access")
        #expect(gate.verdict(service) == "assertion_denied")
        #expect(gate.verdict(issuer.user("david@example.com")) == "user david@example.com")
        deny(.subject, "7335d417-61da-459d-899c-0a01c76a2f94")
        #expect(gate.verdict(issuer.user("david@example.com")) == "assertion_denied")
        gate.verifier.update(policy: file.denying(DenyBook()))
        #expect(gate.verdict(issuer.user("david@example.com")) == "user david@example.com")
        #expect(gate.verdict(issuer.user("ann@example.com")) == "assertion_denied")
    }

    /// Of several faults, the first in the order of the verification is reported.
    @Test func `the verifier stops at the first failure`() {
        var faults: KeyValuePairs<String, String?> {
            ["type": #""x""#, "iss": #""x""#, "aud": #""x""#, "exp": "1", "iat": "\(Gate.now * 2)", "email": #""""#]
        }
        let all = Array(faults)
        let told = [
            "assertion_type", "assertion_issuer", "assertion_audience", "assertion_expired", "assertion_not_yet_valid",
            "assertion_malformed",
        ]
        for start in 0..<all.count {
            let members = all[start...].map { ($0.key, $0.value) }
            #expect(gate.verdict(mint(members)) == told[start])
        }
        // A claim of another JSON type is as much of a fault as one of another value, and not one of the whole payload.
        for claim in ["exp", "iat", "sub", "email"] {
            let wrong = claim == "exp" || claim == "iat" ? #""x""# : "7"
            #expect(gate.verdict(mint([("type", #""x""#), (claim, wrong)])) == "assertion_type", "\(claim)")
        }
    }

    private func mint(_ changes: [(String, String?)]) -> String {
        var claims = [
            "type": #""app""#, "iss": #""\#(issuer.issuer)""#, "aud": #""\#(issuer.audience)""#, "exp": "\(now + 60)",
            "iat": "\(now)", "email": #""david@example.com""#,
        ]
        for (name, value) in changes { claims[name] = value }
        return issuer.mint(payload: "{" + claims.map { #""\#($0)":\#($1)"# }.joined(separator: ",") + "}")
    }
}

struct TestFailure: Error {}
