import Testing

@testable import AccessIdentity

/// Against the authors' reference implementation, as OpenSSL 3 has it:
/// `openssl mac -macopt hexkey:000102030405060708090A0B0C0D0E0F -macopt size:16 -in FILE SIPHASH`
@Suite struct TokenDigestTests {
    private let digester = TokenDigester(key: (0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))

    private func digest(_ bytes: [UInt8]) -> String {
        let digest = bytes.withUnsafeBytes { digester.digest($0) }
        return [digest.low, digest.high].map { word in
            let digits = String(word.byteSwapped, radix: 16, uppercase: true)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    @Test(arguments: [
        (0, "A3817F04BA25A8E66DF67214C7550293"), (1, "DA87C1D86B99AF44347659119B22FC45"),
        (7, "A1F1EBBED8DBC153C0B84AA61FF08239"), (8, "3B62A9BA6258F5610F83E264F31497B4"),
        (15, "5493E99933B0A8117E08EC0F97CFC3D9"), (63, "5150D1772F50834A503E069A973FBD7C"),
    ])
    func `is SipHash-2-4-128`(count: Int, expected: String) {
        #expect(digest((0..<count).map { UInt8($0) }) == expected)
    }

    @Test func `every byte and the length count`() {
        let token = [UInt8](repeating: 0x41, count: 809)
        let whole = digest(token)
        for index in token.indices {
            var other = token
            other[index] ^= 1
            #expect(digest(other) != whole)
        }
        #expect(digest(Array(token.dropLast())) != whole)
        #expect(digest(token + [0]) != whole)
    }

    @Test func `two verifiers name the same token differently`() {
        let token = Array("a.b.c".utf8)
        let names = (0..<2).map { _ in token.withUnsafeBytes { TokenDigester().digest($0) } }
        #expect(names[0] != names[1])
    }

    @Test func `the last digest is given again to the same token alone`() {
        var last = LastDigest()
        func holds(_ token: [UInt8]) -> Bool {
            token.withUnsafeBytes { last.of($0, by: digester) == digester.digest($0) }
        }
        for count in [0, 1, 15, 16, 17, 23, 24, 803] {
            let token = [UInt8](repeating: 0x41, count: count)
            #expect(holds(token) && holds(token))
            for index in token.indices {
                var other = token
                other[index] ^= 1
                #expect(holds(other), "\(count) bytes, another at \(index)")
                #expect(holds(token))
            }
            #expect(holds(token + [0x41]) && holds(token))
        }
    }
}
