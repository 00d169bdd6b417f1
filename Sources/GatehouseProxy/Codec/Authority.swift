internal import GatehouseCore

/// `host [":" port]` of RFC 3986 section 3.2, without user information and percent-encoding.
enum Authority {
    /// Bytes of a host name.
    static let maximumHost = 253

    /// The host without the port, nil when the authority is not valid.
    static func host(_ bytes: Span<UInt8>, _ range: ByteRange) -> ByteRange? {
        guard !range.isEmpty else { return nil }
        var at = range.lower
        if bytes[at] == 0x5B {
            at &+= 1
            while at < range.upper, bytes[at].isHexDigit || bytes[at] == 0x3A || bytes[at] == 0x2E { at &+= 1 }
            guard at < range.upper, bytes[at] == 0x5D, at > range.lower &+ 1 else { return nil }
            at &+= 1
        } else {
            var previous: UInt8 = 0x2E
            while at < range.upper {
                let byte = bytes[at]
                if byte == 0x3A { break }
                if byte == 0x2E {
                    // No empty label; a dot at the end is the root's and does no harm.
                    guard previous != 0x2E else { return nil }
                } else {
                    guard byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x5F else { return nil }
                }
                previous = byte
                at &+= 1
            }
            guard at > range.lower else { return nil }
        }
        let host = ByteRange(range.lower, at)
        guard host.count <= maximumHost else { return nil }
        guard at < range.upper else { return host }
        guard bytes[at] == 0x3A, range.upper &- at <= 6, let port = bytes.decimal(ByteRange(at &+ 1, range.upper)),
            port > 0, port <= 65_535
        else { return nil }
        return host
    }

    static func equal(_ bytes: Span<UInt8>, _ one: ByteRange, _ other: ByteRange) -> Bool {
        guard one.count == other.count else { return false }
        for offset in 0..<one.count
        where bytes[one.lower + offset].lowercasedASCII != bytes[other.lower + offset].lowercasedASCII {
            return false
        }
        return true
    }
}
