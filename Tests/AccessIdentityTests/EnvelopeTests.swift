import AccessIdentity
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Refusals before the payload is read: the field, the parts, the encoding, the header, the key, the signature.
@Suite struct EnvelopeTests {
    let gate = Gate()
    var issuer: TestIssuer { gate.issuer }
    private let payload = #"{"type":"app"}"#

    private func verdict(header: String) -> String { gate.verdict(issuer.mint(header: header, payload: payload)) }

    @Test func `the verifier takes what Access issues`() {
        #expect(gate.verdict(issuer.user()) == "user david@example.com")
        #expect(gate.verdict(issuer.service()) == "service e367826f93b8d71185e03fe518aff3b4.access")
    }

    @Test func `the verifier wants exactly one field`() {
        let token = issuer.user()
        let verifier = gate.verifier
        func words(_ fields: [String]) -> String {
            gate.words(verifier.verify(fields: fields, audiences: [issuer.audience], now: Gate.now))
        }
        #expect(words([]) == "assertion_missing")
        #expect(words([token, token]) == "assertion_duplicate")
        #expect(words([token + "," + token]) == "assertion_duplicate")
        #expect(words([token + ","]) == "assertion_duplicate")
        #expect(words([token + ", " + String(repeating: "x", count: 20_000)]) == "assertion_duplicate")
        #expect(words([""]) == "assertion_malformed")
    }

    @Test func `the verifier bounds the size at 16 KiB`() {
        func token(padding: Int) -> String {
            issuer.user(with: ["note": #""\#(String(repeating: "x", count: padding))""#])
        }
        let size = token(padding: 3).utf8.count
        // Three bytes of payload are four characters: one step of padding lands on the limit exactly, or below by what the
        // limit leaves of a whole group.
        let steps = (AssertionVerifier.maximumTokenBytes - size) / 4
        let largest = token(padding: 3 + steps * 3)
        #expect(largest.utf8.count > AssertionVerifier.maximumTokenBytes - 4)
        #expect(largest.utf8.count <= AssertionVerifier.maximumTokenBytes)
        #expect(gate.verdict(largest) == "user david@example.com")
        let larger = token(padding: 3 + steps * 3 + 3)
        #expect(larger.utf8.count > AssertionVerifier.maximumTokenBytes)
        #expect(gate.verdict(larger) == "assertion_malformed")
    }

    @Test func `the verifier wants three parts`() {
        let parts = issuer.user().split(separator: ".").map(String.init)
        #expect(gate.verdict(parts[0]) == "assertion_malformed")
        #expect(gate.verdict(parts[0] + "." + parts[1]) == "assertion_malformed")
        #expect(gate.verdict(parts.joined(separator: ".") + ".") == "assertion_malformed")
        #expect(gate.verdict("." + parts.joined(separator: ".")) == "assertion_malformed")
        #expect(gate.verdict(parts.joined(separator: ".") + "." + parts[2]) == "assertion_malformed")
        #expect(gate.verdict("..") == "assertion_malformed")
        #expect(gate.verdict(".\(parts[1]).\(parts[2])") == "assertion_malformed")
        #expect(gate.verdict("\(parts[0])..\(parts[2])") == "assertion_signature")
        #expect(gate.verdict("\(parts[0]).\(parts[1]).") == "assertion_signature")
    }

    @Test(arguments: ["=", "==", " ", "\n", "\t", "+", "/", "%3D", "\u{0}", "é", "?"])
    func `the verifier wants strict Base64URL`(_ added: String) {
        let parts = issuer.user().split(separator: ".").map(String.init)
        for index in 0..<3 {
            var changed = parts
            changed[index] += added
            #expect(gate.verdict(changed.joined(separator: ".")) == "assertion_malformed")
            changed[index] = added + parts[index]
            #expect(gate.verdict(changed.joined(separator: ".")) == "assertion_malformed")
        }
    }

    /// The last character of a 256-byte signature carries four unused bits: any that is set is another spelling.
    @Test func `the verifier wants canonical trailing bits`() {
        let token = issuer.user()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let value = alphabet.firstIndex(of: token.last!)!
        #expect(value % 16 == 0)
        for bits in 1..<16 {
            #expect(gate.verdict(String(token.dropLast()) + String(alphabet[value + bits])) == "assertion_malformed")
        }
    }

    @Test(arguments: [
        "", "null", "[]", #""RS256""#, "{", #"{"alg":"RS256","kid":"1f0a2c5d7e"}x"#,
        #"{"alg":"RS256","kid":"1f0a2c5d7e"}{}"#,
        "\u{FEFF}" + #"{"alg":"RS256","kid":"1f0a2c5d7e"}"#, #"{"alg":"RS256","kid":"1f0a2c5d7e",}"#,
        #"{"alg":"RS256","alg":"RS256","kid":"1f0a2c5d7e"}"#, #"{"alg":"none","\u0061lg":"RS256","kid":"1f0a2c5d7e"}"#,
        #"{"alg":"RS256","kid":"1f0a2c5d7e","kid":"1f0a2c5d7e"}"#, #"{"alg":"RS256","kid":"1f0a2c5d7e","x":1,"x":2}"#,
        #"{"alg":"RS256","kid":"1f0a2c5d7e","jwk":{"n":"a","n":"b"}}"#,
        #"{"alg":"RS256","kid":"1f0a2c5d7e","x":[[[[[[[[[]]]]]]]]]}"#,
    ])
    func `the verifier wants a strict header`(_ header: String) {
        #expect(verdict(header: header) == "assertion_malformed")
    }

    @Test func `the verifier refuses a header with more members than are looked at`() {
        func header(_ count: Int) -> String {
            #"{"alg":"RS256","kid":"1f0a2c5d7e""# + (0..<count).map { #","x\#($0)":0"# }.joined() + "}"
        }
        #expect(verdict(header: header(30)) == "assertion_issuer")
        #expect(verdict(header: header(31)) == "assertion_malformed")
    }

    @Test func `the verifier refuses a header that is not UTF-8`() {
        let header = Array(#"{"alg":"RS256","kid":"1f0a2c5d7e","x":""#.utf8) + [0xC0, 0xAF] + Array(#""}"#.utf8)
        #expect(gate.verdict(issuer.mint(header: header, payload: Array(payload.utf8))) == "assertion_malformed")
    }

    @Test(arguments: [
        #""none""#, #""None""#, #""HS256""#, #""RS384""#, #""RS512""#, #""PS256""#, #""ES256""#, #""rs256""#,
        #""RS256 ""#,
        #""RS256\u0000""#, #""""#, "null", "256", #"["RS256"]"#,
    ])
    func `the verifier takes no other algorithm`(_ algorithm: String) {
        #expect(verdict(header: #"{"alg":\#(algorithm),"kid":"1f0a2c5d7e"}"#) == "assertion_algorithm")
    }

    @Test func `the verifier refuses a missing algorithm and an unsigned token`() {
        #expect(verdict(header: #"{"kid":"1f0a2c5d7e"}"#) == "assertion_algorithm")
        let unsigned = Base64URL.encode(#"{"alg":"none"}"#) + "." + Base64URL.encode(payload) + "."
        #expect(gate.verdict(unsigned) == "assertion_algorithm")
    }

    /// An HMAC made with the public key as its secret: only the algorithm tells.
    @Test func `the verifier refuses an algorithm swap, whatever its signature`() {
        let head = #"{"alg":"HS256","kid":"1f0a2c5d7e","typ":"JWT"}"#
        #expect(verdict(header: head) == "assertion_algorithm")
    }

    @Test(arguments: [
        #""crit":["exp"]"#, #""crit":[]"#, #""crit":null"#, #""b64":false"#, #""b64":true"#, #""\u0062\u00364":true"#,
    ])
    func `the verifier refuses extensions`(_ member: String) {
        #expect(verdict(header: #"{"alg":"RS256","kid":"1f0a2c5d7e",\#(member)}"#) == "assertion_malformed")
    }

    @Test func `the verifier ignores keys that the token brings along`() {
        let other = TestIssuer(key: TestIssuer.Key(TestIssuer.secondKey, id: TestIssuer.firstKey.id))
        let brought =
            #""jwk":\#(other.key.jwk),"jku":"https://evil.example/keys","x5u":"https://evil.example/x","x5c":["MIIB"]"#
        let header = #"{"alg":"RS256","kid":"1f0a2c5d7e",\#(brought)}"#
        #expect(gate.verdict(other.mint(header: header, payload: payload)) == "assertion_signature")
        // The same members on an honest token change nothing.
        let honest = issuer.user()
        let claims = honest.split(separator: ".")[1]
        let bytes = Array(claims.utf8).withUnsafeBytes { Base64URL.decode($0)! }
        #expect(gate.verdict(issuer.mint(header: Array(header.utf8), payload: bytes)) == "user david@example.com")
    }

    @Test func `the verifier takes a header with white space, escapes and in any order`() {
        let token = issuer.user()
        let bytes = Array(token.split(separator: ".")[1].utf8).withUnsafeBytes { Base64URL.decode($0)! }
        let header = " {\n\t\"kid\" : \"1f0a2c5d7\\u0065\", \"typ\":\"JWT\",\r\n\"\\u0061lg\":\"RS25\\u0036\" } "
        #expect(gate.verdict(issuer.mint(header: Array(header.utf8), payload: bytes)) == "user david@example.com")
    }

    @Test func `the verifier asks for an unknown key only when there is something to ask for`() {
        #expect(gate.verdict(TestIssuer(key: TestIssuer.secondKey).user()) == "unknown key 9b8e7d6c5a")
        #expect(verdict(header: #"{"alg":"RS256"}"#) == "assertion_key_unknown")
        #expect(verdict(header: #"{"alg":"RS256","kid":""}"#) == "assertion_key_unknown")
        #expect(verdict(header: #"{"alg":"RS256","kid":7}"#) == "assertion_key_unknown")
        #expect(
            verdict(header: #"{"alg":"RS256","kid":"\#(String(repeating: "k", count: 257))"}"#)
                == "assertion_key_unknown"
        )
        #expect(verdict(header: #"{"alg":"RS256","kid":"1F0A2C5D7E"}"#) == "unknown key 1F0A2C5D7E")
    }

    @Test func `the verifier wants the signature of the named key`() {
        let both = Gate(keys: [TestIssuer.firstKey, TestIssuer.secondKey])
        let second = TestIssuer(key: TestIssuer.secondKey)
        #expect(both.verdict(issuer.user()) == "user david@example.com")
        #expect(both.verdict(second.user()) == "user david@example.com")
        #expect(both.verdict(second.mint(header: issuer.header, payload: payload)) == "assertion_signature")
    }

    @Test func `the verifier refuses every other signature`() {
        let token = issuer.user()
        let dot = token.lastIndex(of: ".")!
        let signed = token[..<dot]
        func with(_ signature: [UInt8]) -> String { signed + "." + Base64URL.encode(signature) }
        let right = issuer.key.signature(over: Array(signed.utf8))
        #expect(gate.verdict(with(right)) == "user david@example.com")
        #expect(gate.verdict(with([0] + right)) == "assertion_signature")
        #expect(gate.verdict(with(right + [0])) == "assertion_signature")
        #expect(gate.verdict(with(Array(right.dropLast()))) == "assertion_signature")
        #expect(gate.verdict(with([UInt8](repeating: 0, count: 256))) == "assertion_signature")
        #expect(gate.verdict(with([UInt8](repeating: 0xFF, count: 256))) == "assertion_signature")
        #expect(gate.verdict(with(issuer.key.pssSignature(over: Array(signed.utf8)))) == "assertion_signature")
        #expect(gate.verdict(with(issuer.key.signature(over: Array((signed + ".").utf8)))) == "assertion_signature")
    }

    @Test func `the verifier reads nothing of the payload before the signature holds`() {
        // Every one of these has a payload that would be refused for another reason.
        for payload in ["", "not json", #"{"type":"match"}"#, #"{"exp":1}"#] {
            let token = TestIssuer(key: TestIssuer.secondKey).mint(header: issuer.header, payload: payload)
            #expect(gate.verdict(token) == "assertion_signature")
        }
    }
}
