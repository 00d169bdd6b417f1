import GatehouseCore
import Testing

/// Against the authors' reference implementation, as OpenSSL 3 has it, and the example of the paper's appendix A (15 bytes):
/// `openssl mac -macopt hexkey:000102030405060708090A0B0C0D0E0F -macopt size:8 -in FILE SIPHASH`
struct SipHashTests {
    @Test(
        arguments: [
            (0, 0x726F_DB47_DD0E_0E31), (1, 0x74F8_39C5_93DC_67FD), (7, 0xAB02_00F5_8B01_D137),
            (8, 0x93F5_F579_9A93_2462),
            (15, 0xA129_CA61_49BE_45E5), (63, 0x958A_324C_EB06_4572),
        ] as [(Int, UInt64)]
    )
    func `is SipHash-2-4`(count: Int, expected: UInt64) {
        var hash = SipHash((0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        func word(_ bytes: Range<Int>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        for start in stride(from: 0, to: count & ~7, by: 8) { hash.compress(word(start..<start + 8)) }
        hash.compress(rest: word(count & ~7..<count), length: count)
        #expect(hash.code() == expected)
    }
}
