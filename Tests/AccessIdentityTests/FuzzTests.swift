import AccessIdentity
import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite struct FuzzTests {
    private let gate = Gate()

    /// Any change of a valid token is refused, also after the original's verdict is cached.
    @Test func `a changed token never verifies`() {
        var random = SplitMix(seed: 0x5EED_0005)
        let tokens = [gate.issuer.user(), gate.issuer.service()]
        for token in tokens { #expect(!gate.verdict(token).hasPrefix("assertion_")) }
        var refused = 0
        for _ in 0..<20_000 {
            let token = tokens.randomElement(using: &random)!
            let changed = mutated(token, &random)
            guard changed != token else { continue }
            let verdict = gate.verdict(changed)
            #expect(verdict.hasPrefix("assertion_") || verdict.hasPrefix("unknown key"), "\(verdict)")
            refused += 1
        }
        #expect(refused > 10_000)
        #expect(gate.verifier.cachedVerdicts == 2)
    }

    @Test func `bytes of any kind never trap`() {
        var random = SplitMix(seed: 0x5EED_0006)
        for _ in 0..<5000 {
            let count = Int.random(in: 0...200, using: &random)
            let bytes = (0..<count).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : Array(".{}\":,eyJ".utf8).randomElement(using: &random)!
            }
            let verdict = bytes.withUnsafeBytes {
                gate.verifier.verify($0, audiences: [gate.issuer.audience], now: Gate.now)
            }
            #expect(gate.words(verdict).hasPrefix("assertion_"))
        }
        let empty = gate.verifier.verify(UnsafeRawBufferPointer(start: nil, count: 0), audiences: [], now: 0)
        #expect(gate.words(empty) == "assertion_malformed")
    }

    /// Signed payloads and headers of every shape: the inner parsers see what an issuer gone wrong could send.
    @Test func `signed nonsense never traps, and verifies only with good claims`() {
        var random = SplitMix(seed: 0x5EED_0007)
        let claims = Array(gate.issuer.user().split(separator: ".")[1].utf8).withUnsafeBytes { Base64URL.decode($0)! }
        let header = Array(gate.issuer.header.utf8)
        for _ in 0..<300 {
            let payload = damaged(claims, &random)
            let head = Bool.random(using: &random) ? header : damaged(header, &random)
            let verdict = gate.verdict(gate.issuer.mint(header: head, payload: payload))
            if verdict.hasPrefix("user ") {
                // A token that is still verified has the claims that are judged, whole.
                let text = String(decoding: payload, as: UTF8.self)
                #expect(
                    text.contains(gate.issuer.issuer) && text.contains(gate.issuer.audience) && text.contains(#""app""#)
                )
            }
        }
    }

    @Test func `key sets of any shape never trap`() {
        var random = SplitMix(seed: 0x5EED_0008)
        let set = TestIssuer.jwkSet([TestIssuer.firstKey, TestIssuer.secondKey])
        var read = 0
        for _ in 0..<2000 where (try? SigningKeys(jwkSet: damaged(set, &random))) != nil { read += 1 }
        #expect(read > 100)
    }

    private func damaged(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.remove(at: place)
            case 1: bytes[place] = Array(#"{}[]",:\0u1e-.nt"#.utf8).randomElement(using: &random)!
            case _: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            }
        }
        return bytes
    }
}
