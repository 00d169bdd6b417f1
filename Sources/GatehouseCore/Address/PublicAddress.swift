internal import Glibc

/// Addresses that are reached over the internet. All others stand for what is near: this machine, the networks behind it, the metadata services of
/// clouds. A name that somebody else chose must not lead there.
package enum PublicAddress {
    /// - Parameter text: as `getnameinfo` and libcurl write it. A zone (`fe80::1%eth0`) belongs to no public one.
    package static func contains(_ text: String) -> Bool {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return contains(UInt32(bigEndian: four.s_addr)) }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return false }
        return withUnsafeBytes(of: six) { contains(Array($0)) }
    }

    /// The blocks of the IANA IPv4 Special-Purpose Address Registry that are not globally reachable, multicast and what is reserved.
    private static let blocks: [(first: UInt32, bits: UInt32)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16), (0xAC10_0000, 12),
        (0xC000_0000, 24), (0xC000_0200, 24), (0xC058_6300, 24), (0xC0A8_0000, 16), (0xC612_0000, 15),
        (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 3),
    ]

    private static func contains(_ address: UInt32) -> Bool {
        !blocks.contains { address >> (32 - $0.bits) == $0.first >> (32 - $0.bits) }
    }

    /// RFC 4291 section 2.4: public ones begin with the bits 001. Of these, documentation and what encodes an IPv4 address or is for protocols is out.
    private static func contains(_ bytes: [UInt8]) -> Bool {
        let last = bytes.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        // IPv4 in another spelling: mapped (RFC 4291 section 2.5.5.2), and behind a translator (RFC 6052).
        if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10...11].elementsEqual([0xFF, 0xFF]) {
            return contains(last)
        }
        if bytes.prefix(12).elementsEqual([0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return contains(last) }
        guard bytes[0] >> 5 == 0b001 else { return false }
        let word = UInt32(bytes[0]) << 24 | UInt32(bytes[1]) << 16 | UInt32(bytes[2]) << 8 | UInt32(bytes[3])
        // 2001::/23 (Teredo is one of it), 2001:db8::/32, 2002::/16 (6to4), 3fff::/20.
        return word >> 9 != 0x2001_0000 >> 9 && word != 0x2001_0DB8 && word >> 16 != 0x2002 && word >> 12 != 0x3FFF_0
    }
}
