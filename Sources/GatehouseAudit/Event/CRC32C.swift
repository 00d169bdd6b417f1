internal import CChecksum

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4), eight bytes a step: by the processor where it can, else by tables, which cost ten
/// times the instructions.
enum CRC32C {
    private static let isInProcessor = gatehouse_has_crc32c() != 0

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard isInProcessor, let start = bytes.baseAddress else { return checksumByTables(bytes) }
        return ~gatehouse_crc32c(~0, start, bytes.count)
    }

    static func checksumByTables(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var crc: UInt32 = ~0
        var offset = 0
        let tables = Self.tables
        while offset &+ 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
            crc =
                tables[Int(7 * 256 | word & 255)] ^ tables[Int(6 * 256 | word >> 8 & 255)]
                ^ tables[Int(5 * 256 | word >> 16 & 255)] ^ tables[Int(4 * 256 | word >> 24 & 255)]
                ^ tables[Int(3 * 256 | word >> 32 & 255)] ^ tables[Int(2 * 256 | word >> 40 & 255)]
                ^ tables[Int(256 | word >> 48 & 255)] ^ tables[Int(word >> 56)]
            offset &+= 8
        }
        while offset < bytes.count {
            crc = tables[Int((crc ^ UInt32(bytes[offset])) & 255)] ^ crc >> 8
            offset &+= 1
        }
        return ~crc
    }

    /// Eight tables of 256: the k-th holds what a byte does that k more bytes follow. Never freed: one for the process.
    private nonisolated(unsafe) static let tables: UnsafePointer<UInt32> = {
        let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
            tables[byte] = crc
        }
        for place in 256..<8 * 256 {
            let previous = tables[place - 256]
            tables[place] = previous >> 8 ^ tables[Int(previous & 255)]
        }
        return UnsafePointer(tables)
    }()
}
