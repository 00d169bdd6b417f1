import Crypto
import GatehouseCore
import Testing

@testable import GatehouseAudit

@Suite struct KeyedHashTests {
    @Test func `codes are those of HMAC-SHA256, for keys and messages around every block's end`() {
        for keyLength in [1, 31, 32, 63, 64, 65, 200] {
            let key = (0..<keyLength).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ keyLength) }
            let keyed = KeyedHash(Secret(key))
            for length in [0, 1, 54, 55, 56, 63, 64, 65, 127, 128, 129, 1000] {
                let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) }
                let wanted = Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
                for cut in Set([0, 1, length / 2, length]) where cut <= length {
                    #expect(code(keyed, message, cut) == wanted, "a key of \(keyLength) bytes, a message of \(length)")
                }
                // The kept state is not what was hashed on.
                #expect(code(keyed, message, 0) == wanted)
            }
        }
    }

    @Test func `a code of RFC 4231 comes out, by the second of its cases`() {
        let keyed = KeyedHash(Secret(Array("Jefe".utf8)))
        let code = code(keyed, Array("what do ya want for nothing?".utf8), 5)
        #expect(code.hexDigits == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func `the processor's sum is that of the tables, from every length and place`() {
        let bytes = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 197 &+ 11) }
        bytes.withUnsafeBytes { bytes in
            for start in 0..<9 {
                for end in start...bytes.count {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                    #expect(CRC32C.checksum(part) == CRC32C.checksumByTables(part))
                }
            }
        }
        // RFC 3720 appendix B.4: 32 bytes of zeroes.
        let zeroes = [UInt8](repeating: 0, count: 32)
        #expect(zeroes.withUnsafeBytes { CRC32C.checksum($0) } == 0x8A91_36AA)
    }

    private func code(_ keyed: KeyedHash, _ message: [UInt8], _ cut: Int) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: KeyedHash.length)
        code.withUnsafeMutableBytes { code in
            message.withUnsafeBytes { message in
                keyed.code(
                    over: UnsafeRawBufferPointer(rebasing: message[..<cut]),
                    UnsafeRawBufferPointer(rebasing: message[cut...]),
                    to: code.baseAddress!
                )
            }
        }
        return code
    }
}
