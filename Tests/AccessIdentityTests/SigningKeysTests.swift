@testable import AccessIdentity
import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite struct SigningKeysTests {
    private let good = TestIssuer.firstKey

    /// A set of one good key and these members, as text.
    private func keys(_ members: String...) throws -> SigningKeys {
        try SigningKeys(jwkSet: Array(#"{"keys":[\#(([good.jwk] + members).joined(separator: ","))]}"#.utf8))
    }

    private func jwk(_ changes: KeyValuePairs<String, String?>) -> String {
        let key = TestIssuer.secondKey
        var members: [String: String] = [
            "kid": #""other""#, "kty": #""RSA""#, "alg": #""RS256""#, "use": #""sig""#,
            "n": #""\#(Base64URL.encode(key.modulus))""#, "e": #""AQAB""#,
        ]
        for (name, value) in changes { members[name] = value }
        return "{" + members.map { #""\#($0)":\#($1)"# }.joined(separator: ",") + "}"
    }

    @Test func `the key set reads what Access serves`() throws {
        let keys = try SigningKeys(jwkSet: TestIssuer.jwkSet([TestIssuer.firstKey, TestIssuer.secondKey]))
        #expect(keys.keyIDs == ["1f0a2c5d7e", "9b8e7d6c5a"])
        #expect(keys.skipped.isEmpty)
        #expect(keys.servesUntil == nil)
    }

    /// A number times a small one, big-endian.
    private func product(_ number: [UInt8], _ factor: UInt64) -> [UInt8] {
        var carry: UInt64 = 0
        var digits = number.reversed().map { digit -> UInt8 in
            let value = UInt64(digit) * factor + carry
            carry = value >> 8
            return UInt8(truncatingIfNeeded: value)
        }
        while carry > 0 {
            digits.append(UInt8(truncatingIfNeeded: carry))
            carry >>= 8
        }
        return digits.reversed()
    }

    @Test(arguments: [2, 3, 5, 251, 257, 3 * 5 * 7, 7919, 16_381] as [UInt64])
    func `the key set takes no modulus with a small factor`(_ factor: UInt64) throws {
        let modulus = product(Array(TestIssuer.secondKey.modulus.dropFirst(Int(factor % 4))), factor)
        let large = product(modulus, 65_537 * 65_537)
        #expect(WeakKeys.hasSmallFactor(modulus))
        let keys = try keys(jwk(["n": #""\#(Base64URL.encode(large))""#]))
        #expect(keys.keyIDs.count == 1)
        #expect(keys.skipped.map(\.reason) == ["the modulus has a small factor: it is no product of two large primes"])
    }

    /// One more than a multiple of the primes that the mark is told by, as every modulus of such a generator is a power of 65537 beside them;
    /// without a small factor.
    private static let marked = [
        "85d41178b58f5b095975a4b3c5589f979210d01ea102bef104917425967a2748",
        "4a24b851f641f3eadfad8c5239f6419f837867924d1e09726acf9942fe322ba8",
        "fcaa69e9b10cb42f9e5ea2efedd2bc663892e878e454137aaaa123678cb0f72c",
        "57a5c9292c89d055c36a26279d17199e9cc5a98fb67362ecf6bf72c3a463a299",
        "2c88e8157c41c5f74183a33cde6b240e6b106a94ce35ea38afa5b82c3d5ae50f",
        "07d27ead7295f57acf32dfc7b23316d9dd0763a0bef06bcb71266dfb43b78185",
        "ef35924c335915385382f84d428feb47448dbe9353eeff7e8d66b2b302e0fadc",
        "b59eb0abc25ec9ad6e3de3884ff63839b90cbb2dc6c7998ec340d4d3176a5b9d",
    ].joined()

    @Test func `the key set takes no modulus of a generator whose keys can be factored`() throws {
        let modulus = try #require(Hex.decode(Self.marked))
        #expect(!WeakKeys.hasSmallFactor(modulus))
        let keys = try keys(jwk(["n": #""\#(Base64URL.encode(modulus))""#]))
        #expect(keys.keyIDs.count == 1)
        #expect(keys.skipped.first?.reason.contains("CVE-2017-15361") == true)
    }

    @Test func `the key set takes every modulus of two large primes`() {
        for key in [TestIssuer.firstKey, TestIssuer.secondKey] { #expect(!WeakKeys.hasSmallFactor(key.modulus)) }
    }

    @Test(arguments: [
        "", "[]", "null", "{", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"public_cert":{}}"#, #"{"keys":[]}x"#,
        "<html>",
        #"{"keys":[],"keys":[]}"#, "\u{FEFF}" + #"{"keys":[]}"#, #"{"keys":[1,]}"#,
    ])
    func `bytes that are no key set are refused`(_ text: String) throws {
        let error = #expect(throws: AccessIdentityError.self) { try SigningKeys(jwkSet: Array(text.utf8)) }
        #expect(error?.code == .keySetMalformed)
        #expect(error?.source == .upstream)
    }

    @Test func `the key set takes optional members absent, and unknown ones present`() throws {
        #expect(try keys(jwk(["alg": nil, "use": nil])).count == 2)
        #expect(try keys(jwk(["key_ops": #"["verify"]"#, "x5t": #""abc""#, "oth": "[{}]"])).count == 2)
        // Some encoders leave the sign byte.
        let padded = Base64URL.encode([0] + TestIssuer.secondKey.modulus)
        #expect(try keys(jwk(["n": #""\#(padded)""#])).count == 2)
    }

    @Test(
        arguments: [
            (["kty": #""EC""#], "kty"), (["kty": nil], "kty"), (["kty": "1"], "not an object of a key"),
            (["use": #""enc""#], "use"),
            (["alg": #""RS512""#], "alg"), (["alg": #""rs256""#], "alg"), (["key_ops": #"["sign"]"#], "key_ops"),
            (["kid": nil], "no kid"),
            (["kid": #""""#], "no kid"), (["n": nil], "n or e"), (["e": nil], "n or e"), (["n": #""""#], "n or e"),
            (["n": #""AQAB""#], "bits"), (["n": #""!!!!""#], "n or e"), (["e": #""AQ""#], "exponent"),
            (["e": #""Ag""#], "exponent"),
            (["e": #""AQAAAAE""#], "exponent"), (["e": #""AA""#], "exponent"), (["e": #""AQAB=""#], "n or e"),
            (["e": "65537"], "not an object of a key"),
        ] as [(KeyValuePairs<String, String?>, String)]
    )
    func `the key set skips an unusable key, and says why`(_ changes: KeyValuePairs<String, String?>, _ why: String)
        throws
    {
        let keys = try keys(jwk(changes))
        #expect(keys.keyIDs == [good.id])
        #expect(keys.skipped.count == 1)
        #expect(keys.skipped.first?.reason.contains(why) == true)
    }

    @Test(arguments: ["7", "null", "[]", #""key""#])
    func `the key set skips an entry that is no object`(_ member: String) throws {
        #expect(try keys(member).keyIDs == [good.id])
        #expect(try keys(member).skipped.count == 1)
    }

    @Test func `the key set skips a key with a member twice`() throws {
        let twice = jwk([:]).dropLast() + #","\u006b\u0069d":"1f0a2c5d7e"}"#
        let keys = try keys(String(twice))
        #expect(keys.keyIDs == [good.id])
        #expect(keys.skipped.first?.reason == "a member stands twice")
    }

    @Test func `the key set wants at least 2048 bits`() throws {
        let small = TestIssuer.Key(id: "small", bits: 1024)
        let keys = try keys(small.jwk)
        #expect(keys.keyIDs == [good.id])
        #expect(keys.skipped == [.init(keyID: "small", reason: "the modulus has 1024 bits, fewer than 2048")])
        let huge = Base64URL.encode([0xFF] + [UInt8](repeating: 0xFF, count: 1024))
        #expect(try self.keys(jwk(["n": #""\#(huge)""#])).keyIDs == [good.id])
    }

    @Test func `the key set refuses both of two different keys with one id`() throws {
        let impostor = TestIssuer.Key(TestIssuer.secondKey, id: good.id)
        let keys = try keys(impostor.jwk)
        #expect(keys.count == 0)
        #expect(keys.skipped.map(\.keyID) == [good.id, good.id])
        #expect(try self.keys(impostor.jwk, good.jwk).count == 0)
        #expect(try self.keys(good.jwk).keyIDs == [good.id])
        #expect(try self.keys(good.jwk).skipped.isEmpty)
    }

    @Test func `the key set bounds the number of keys`() throws {
        let members = (0..<80).map { TestIssuer.Key(good, id: "k\($0)").jwk }
        let keys = try SigningKeys(jwkSet: Array(#"{"keys":[\#(members.joined(separator: ","))]}"#.utf8))
        #expect(keys.count == 64)
        #expect(keys.skipped.count == 1)
    }

    @Test func `key sets are compared by their keys alone`() throws {
        let one = try keys()
        #expect(one.verifiesSame(as: try keys("{}").serving(until: 5)))
        #expect(!one.verifiesSame(as: try keys(jwk([:]))))
        #expect(!(try keys(jwk([:])).verifiesSame(as: one)))
        let impostor = TestIssuer.Key(TestIssuer.secondKey, id: good.id)
        #expect(!one.verifiesSame(as: try SigningKeys(jwkSet: TestIssuer.jwkSet([impostor]))))
    }
}

@Suite struct SigningKeysURLTests {
    @Test(arguments: [
        "https://example.cloudflareaccess.com/cdn-cgi/access/certs", "HTTPS://example.com",
        "https://example.com:8443/x?y=z",
        "https://[2001:db8::1]:443/", "http://127.0.0.1:8080/certs", "http://localhost/", "http://[::1]:9/",
        "http://127.255.0.1/",
    ])
    func `secure and loopback URLs are taken`(_ text: String) throws { #expect(try SigningKeysURL(text).text == text) }

    @Test(arguments: [
        "", "example.com", "http://example.com/", "ftp://example.com/", "https://", "https:///certs",
        "https://user@example.com/",
        "https://user:pw@example.com/", "http://localhost@evil.example/", "http://127.0.0.1.evil.example/",
        "http://127.1/",
        "http://localhost.evil.example/", "https://example.com/#x", "https://exa mple.com/", "https://example.com:0/",
        "https://example.com:65536/", "https://example.com:/", "https://example.com:x/", "https://exämple.com/",
        "file:///etc/passwd",
        "https://example.com/\n", "https://[::1", "https://.example.com/", "http:/\\localhost/", "http://0.0.0.0/",
        "http://10.0.0.1/",
    ])
    func `every other URL is refused`(_ text: String) {
        let error = #expect(throws: AccessIdentityError.self) { try SigningKeysURL(text) }
        #expect(error?.code == .invalidURL)
    }

    @Test func `the URL is derived from the issuer`() throws {
        let url = "https://example.cloudflareaccess.com/cdn-cgi/access/certs"
        #expect(try SigningKeysURL(issuer: AccessPolicy.issuer(team: "example")).text == url)
        #expect(try SigningKeysURL(issuer: "https://example.cloudflareaccess.com/").text == url)
    }
}
