import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import AccessIdentity

/// What is just within a bound and what is just beyond it, of the verifier's own pieces.
@Suite struct BoundTests {
    private let issuer = TestIssuer()

    private func keySet(_ members: String...) throws -> SigningKeys {
        try SigningKeys(jwkSet: Array(#"{"keys":[\#(members.joined(separator: ","))]}"#.utf8))
    }

    private func jwk(n: String? = nil, e: String = "AQAB") -> String {
        #"{"kid":"other","kty":"RSA","n":"\#(n ?? Base64URL.encode(TestIssuer.secondKey.modulus))","e":"\#(e)"}"#
    }

    @Test func `the longest key id is one, and a longer one is none`() throws {
        func verdict(_ count: Int) throws -> (ids: Int, String) {
            let key = TestIssuer.Key(issuer.key, id: String(repeating: "k", count: count))
            let keys = try keySet(key.jwk)
            return (keys.count, Gate(issuer: TestIssuer(key: key), keys: [key]).verdict(TestIssuer(key: key).user()))
        }
        #expect(try verdict(256) == (1, "user david@example.com"))
        #expect(try verdict(257) == (0, "assertion_key_unknown"))
    }

    @Test func `a modulus beyond the bound is refused for that, and one at the bound is not`() throws {
        func reason(_ lead: UInt8) throws -> String? {
            let modulus = [lead] + [UInt8](repeating: 0xFF, count: 8192 / 8)
            return try keySet(jwk(n: Base64URL.encode(modulus))).skipped.first?.reason
        }
        #expect(try reason(1)?.contains("more than") == true)
        #expect(try reason(0)?.contains("more than") != true)
    }

    @Test(arguments: [("Aw", true), ("AQAAAQ", true), ("AQAAAAE", false), ("AQ", false), ("AQAA", false)])
    func `exponents from 3 to four bytes are taken`(exponent: String, isTaken: Bool) throws {
        let keys = try keySet(jwk(e: exponent))
        #expect(keys.count == (isTaken ? 1 : 0))
        #expect(isTaken || keys.skipped.first?.reason.contains("exponent") == true)
    }

    @Test func `one key more than are read is told, and so is a third of one id`() throws {
        let members = (0...SigningKeys.maximumCount).map { TestIssuer.Key(issuer.key, id: "k\($0)").jwk }
        let keys = try SigningKeys(jwkSet: Array(#"{"keys":[\#(members.joined(separator: ","))]}"#.utf8))
        #expect(keys.count == SigningKeys.maximumCount && keys.skipped.count == 1)
        let other = TestIssuer.Key(TestIssuer.secondKey, id: issuer.key.id)
        #expect(try keySet(issuer.key.jwk, other.jwk, other.jwk).skipped.count == 3)
    }

    /// The defaults and bounds of a policy are seconds that people reckon with.
    @Test(arguments: [(nil, 30), (0, 0), (-1, 0), (1, 1), (600, 600), (601, 600), (.max, 600)] as [(Int64?, Int64)])
    func `clocks may differ by half a minute, or by as much as a policy says up to ten`(stated: Int64?, skew: Int64)
        throws
    {
        let issuer = TestIssuer()
        let policy =
            stated.map { AccessPolicy(issuer: issuer.issuer, clockSkew: $0) } ?? AccessPolicy(issuer: issuer.issuer)
        let verifier = AssertionVerifier(policy: policy, keys: try SigningKeys(jwkSet: issuer.jwkSet))
        let token = issuer.user(lasting: 100)
        func verdict(_ now: Int64) -> String {
            Gate().words(verifier.verify(fields: [token], audiences: [issuer.audience], now: Gate.now + now))
        }
        #expect(verdict(-skew - 1) == "assertion_not_yet_valid")
        #expect(verdict(-skew) == "user david@example.com")
        #expect(verdict(99 + skew) == "user david@example.com")
        #expect(verdict(100 + skew) == "assertion_expired")
    }

    private func isRead(_ read: (UnsafeRawBufferPointer) throws -> Void, _ text: String) -> Bool {
        (try? Array(text.utf8).withUnsafeBytes(read)) != nil
    }

    private func members(_ count: Int) -> String {
        "{" + (0..<count).map { #""m\#($0)":0"# }.joined(separator: ",") + "}"
    }

    private func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test func `a header and a payload have so many members and levels, and with one more they are none`() {
        let header = { (bytes: UnsafeRawBufferPointer) in _ = try AssertionHeader(bytes) }
        let claims = { (bytes: UnsafeRawBufferPointer) in _ = try AssertionClaims(bytes) }
        for (read, most, deepest) in [(header, 32, 8), (claims, 256, 16)] {
            for more in [0, 1] {
                #expect(isRead(read, members(most + more)) == (more == 0))
                #expect(isRead(read, #"{"x":\#(members(most + more))}"#) == (more == 0))
                // The object around it is the first level.
                #expect(isRead(read, #"{"x":\#(nested(deepest - 1 + more))}"#) == (more == 0))
            }
        }
    }

    /// Built so that every length occurs: a header with spaces in it, and a payload with a note.
    @Test(arguments: [
        (16_384, "user david@example.com"), (16_385, "assertion_malformed"), (16_386, "assertion_malformed"),
    ])
    func `a token has 16 KiB at most, to the byte`(length: Int, verdict: String) throws {
        let payload = issuer.user().split(separator: ".")[1]
        let claims = try #require(Array(payload.utf8).withUnsafeBytes { Base64URL.decode($0) })
        func encoded(_ count: Int) -> Int { (count * 4 + 2) / 3 }
        let signature = encoded(256)
        let token = (0..<3).lazy.compactMap { spaces -> String? in
            let header = Array((issuer.header + String(repeating: " ", count: spaces)).utf8)
            let rest = length - encoded(header.count) - signature - 2
            guard let size = (0..<3).map({ rest * 3 / 4 - $0 }).first(where: { encoded($0) == rest }) else {
                return nil
            }
            let note = #","note":"\#(String(repeating: "x", count: size - claims.count - 10))"}"#
            return issuer.mint(header: header, payload: claims.dropLast() + Array(note.utf8))
        }.first
        #expect(try #require(token).utf8.count == length)
        #expect(try Gate(issuer: issuer).verdict(#require(token)) == verdict)
    }

    @Test func `groups are denied to people alone`() {
        let denied = AccessPolicy.Denied([], [], [], groups: ["eng", "*-contractors"])
        func list(_ kind: VerifiedAssertion.Kind, _ groups: [String]) -> AccessPolicy.Denied.List? {
            denied.list(naming: kind, "x", subject: "s", groups: groups)
        }
        #expect(list(.user, ["sales", "eng"]) == .groups)
        #expect(list(.user, ["it-contractors"]) == .groups)
        #expect(list(.user, ["sales"]) == nil)
        #expect(list(.service, ["eng"]) == nil)
    }

    @Test func `a clock that is set back shuts out by the issue or by the start alone`() {
        let gate = Gate()
        for change in [("nbf", "\(Gate.now - 500)"), ("iat", "\(Gate.now - 500)")] {
            let token = gate.issuer.user(with: [change.0: change.1])
            #expect(gate.verdict(token) == "user david@example.com")
            #expect(gate.verdict(token, now: Gate.now - 31) == "assertion_not_yet_valid")
        }
    }

    @Test func `verdicts do not outlive their keys, also when there were none meanwhile`() throws {
        let gate = Gate()
        let token = gate.issuer.user()
        #expect(gate.verdict(token) == "user david@example.com")
        gate.verifier.update(keys: nil)
        #expect(gate.verdict(token) == "keys unavailable")
        // Another key under the same id.
        let impostor = TestIssuer.Key(TestIssuer.secondKey, id: gate.issuer.key.id)
        gate.verifier.update(keys: try SigningKeys(jwkSet: TestIssuer.jwkSet([impostor])))
        #expect(gate.verdict(token) == "assertion_signature")
    }

    @Test func `two tokens in a row are not taken for the last of them`() {
        let digester = TokenDigester()
        var last = LastDigest()
        let (one, two) = (Array("first-token-of-some-length".utf8), Array("other-token-of-some-length".utf8))
        for token in [one, two, one + two, two] {
            #expect(token.withUnsafeBytes { last.of($0, by: digester) == digester.digest($0) })
        }
    }

    @Test func `an explanation shortens what is longer than its bound`() {
        #expect(AssertionExplanation.printable(String(repeating: "a", count: 200)).utf8.count == 202)
        #expect(AssertionExplanation.printable(String(repeating: "a", count: 201)).hasSuffix("a…\""))
        #expect(AssertionWords.moment(0) == "1970-01-01T00:00:00Z")
        #expect(AssertionWords.moment(-1) == "-1")
        #expect(AssertionWords.moment(253_402_300_800) == "253402300800")
        #expect(AssertionWords.moment(.min, 0) == "\(Int64.min)")
        #expect(AssertionWords.moment(.max, -1) == "\(Int64.max)")
        #expect(AssertionWords.moment(100, 90) == "1970-01-01T00:01:40Z, in 10 s")
        #expect(AssertionWords.tags(Set((1...8).map { "t\($0)" })).hasSuffix("t7, t8"))
        #expect(AssertionWords.tags(Set((1...9).map { "t\($0)" })).hasSuffix("t8 and 1 more"))
    }

    @Test func `the gate for unknown keys says what is under way, and remembers who came back`() {
        var gate = UnknownKeyGate(interval: 0, memory: 3600)
        #expect(!gate.isRefreshing)
        gate.lookUpStarted(now: 0)
        #expect(gate.isRefreshing)
        gate.refreshEnded()
        #expect(!gate.isRefreshing)
        gate.refreshStarted()
        #expect(gate.isRefreshing)
        gate.refreshEnded()
        for index in 0..<(1024 * 2 + 2) { gate.remained("k\(index)", now: 0) }
        gate.remained("k0", now: 0)
        #expect(!gate.admits("k0", now: 0))
    }

    @Test(arguments: [
        "https://a-b.example.com:65535/", "https://[::ffff:1.2.3.4]/", "http://127.0.0.255/",
    ])
    func `addresses at the bounds are taken`(_ text: String) throws { _ = try SigningKeysURL(text) }

    @Test(arguments: [
        "https://a_b.example.com/", "https://[::g]/", "https://[::1]x443/", "https://example.com:000443/",
        "https://example.com:+443/", "gopher:localhost/", "http://127.0.0.256/", "http://127.0.0.x/",
        "http://127..0.1/",
        "http://127.0.0.1./", "http://127.0.0.-1/", "http://127.0.0./",
    ])
    func `addresses beyond the bounds are not`(_ text: String) {
        #expect(throws: AccessIdentityError.self) { try SigningKeysURL(text) }
    }

    @Test(arguments: [
        ("https://user@example.com/", "user name"), ("https://example.com/#x", "fragment"),
        ("ftp://example.com/", "https"),
        ("https://example.com:x/", "host and port"), ("http://example.com/", "loopback"),
        ("https://exa mple.com/", "space"),
    ])
    func `an address that is not taken says why`(text: String, why: String) {
        do {
            _ = try SigningKeysURL(text)
            Issue.record("\(text) is taken")
        } catch { #expect(error.message.contains(why), "\(error.message)") }
    }

    @Test func `the longest address is taken, and a longer one is not`() throws {
        let text = "https://example.com/".padding(toLength: 2048, withPad: "x", startingAt: 0)
        #expect(try SigningKeysURL(text).text == text)
        #expect(throws: AccessIdentityError.self) { try SigningKeysURL(text + "x") }
    }
}

/// What the file of last-good keys is when something about it, or around it, is odd.
@Suite struct OddKeyFileTests {
    private let url = try! SigningKeysURL("https://example.com/certs")
    private let contents = KeyFile.Contents(fetchedAt: 1_795_424_400, body: Array("{\"keys\":[]}\n\n".utf8))

    private func problem(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch { return (error as? AccessIdentityError)?.message ?? "\(error)" }
    }

    @Test func `what cannot be written says why, and leaves nothing`() async throws {
        try await withTemporaryDirectory { directory in
            let missing = KeyFile(path: directory + "/missing/keys")
            #expect(problem { try missing.write(contents, url: url) }.contains("cannot be created"))
            let taken = directory + "/taken"
            try FileManager.default.createDirectory(atPath: taken, withIntermediateDirectories: true)
            #expect(problem { try KeyFile(path: taken).write(contents, url: url) }.contains("cannot be replaced"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["taken"])
        }
    }

    @Test func `what an ended process left is no obstacle, and no descriptor stays open`() async throws {
        try await withTemporaryDirectory { directory in
            let file = KeyFile(path: directory + "/keys")
            try Data("half".utf8).write(to: URL(fileURLWithPath: "\(file.path).\(getpid()).tmp"))
            try file.write(contents, url: url)
            #expect(try file.read(url: url) == contents)
            let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?.hasPrefix(
                    directory
                ) == true
            }
            #expect(open.isEmpty)
        }
    }

    @Test func `the largest file is read, and a first line of five words is not`() async throws {
        try await withTemporaryDirectory { directory in
            let file = KeyFile(path: directory + "/keys")
            let line = "\(KeyFile.magic) 1 \(url.text)\n"
            func put(_ data: Data) throws {
                try data.write(to: URL(fileURLWithPath: file.path))
                chmod(file.path, 0o600)
            }
            try put(Data(line.utf8) + Data(count: KeyFile.maximumBytes - line.utf8.count))
            #expect(try file.read(url: url)?.fetchedAt == 1)
            try put(Data("\(KeyFile.magic) 1 \(url.text) more\n".utf8))
            #expect(problem { _ = try file.read(url: url) }.contains("not of this program"))
        }
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away")) func `another user's file is refused`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let file = KeyFile(path: directory + "/keys")
            try file.write(contents, url: url)
            chown(file.path, 65_534, 65_534)
            #expect(problem { _ = try file.read(url: url) }.contains("written by others"))
        }
    }
}
