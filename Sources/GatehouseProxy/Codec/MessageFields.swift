/// The fields of a request or response about the message itself: its length and its connection.
struct MessageFields {
    private(set) var contentLength: Int?
    private(set) var isChunked = false
    private(set) var saysClose = false
    private(set) var saysKeepAlive = false
    private(set) var saysUpgrade = false
    /// Names that `Connection` nominates beyond its own options.
    private(set) var nominations: [ByteRange] = []

    mutating func reset() {
        contentLength = nil
        isChunked = false
        saysClose = false
        saysKeepAlive = false
        saysUpgrade = false
        if !nominations.isEmpty { nominations.removeAll(keepingCapacity: true) }
    }

    /// A length once and in plain digits (RFC 9112 section 6.3 lets identical repetitions pass; two parsers need not).
    mutating func addContentLength(_ value: ByteRange, in bytes: Span<UInt8>) -> Bool {
        guard contentLength == nil, let number = bytes.decimal(value) else { return false }
        contentLength = number
        return true
    }

    /// A single `chunked`: no other coding is understood here, and a list of codings is what smuggling hides in.
    mutating func addTransferEncoding(_ value: ByteRange, in bytes: Span<UInt8>) -> Bool {
        guard !isChunked, bytes.equalsIgnoringCase(value, "chunked") else { return false }
        isChunked = true
        return true
    }

    /// The options of a `Connection` field. False when one is no token or there are too many.
    mutating func addConnection(_ value: ByteRange, in bytes: Span<UInt8>) -> Bool {
        var at = value.lower
        while at < value.upper {
            let comma = ByteScan.first(0x2C, bytes, from: at, to: value.upper)
            var lower = at
            var upper = comma
            while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower &+= 1 }
            while lower < upper, bytes[upper &- 1] == 0x20 || bytes[upper &- 1] == 0x09 { upper &-= 1 }
            at = comma &+ 1
            // Empty elements are allowed in a list (RFC 9110 section 5.6.1).
            if lower == upper { continue }
            let option = ByteRange(lower, upper)
            if bytes.equalsIgnoringCase(option, "keep-alive") {
                saysKeepAlive = true
            } else if bytes.equalsIgnoringCase(option, "close") {
                saysClose = true
            } else if bytes.equalsIgnoringCase(option, "upgrade") {
                saysUpgrade = true
            } else {
                guard nominations.count < HeadLimits.nominations else { return false }
                for index in lower..<upper where !TokenCharacters.contains(bytes[index]) { return false }
                nominations.append(option)
            }
        }
        return true
    }

    /// Whether the connection stays open after the message (RFC 9112 section 9.3).
    func isKeepAlive(_ version: HTTPVersion) -> Bool {
        version == .http11 ? !saysClose : saysKeepAlive && !saysClose
    }

    /// Marks the fields that `Connection` names. Those that frame or route the message cannot be nominated away: what is left
    /// would mean something else to the next server.
    ///
    /// - Returns: the known fields that the next hop must not see for that reason, a bit each.
    func mark(_ fields: inout [Field], in bytes: Span<UInt8>) -> UInt64 {
        guard !nominations.isEmpty else { return 0 }
        var gone: UInt64 = 0
        for index in fields.indices {
            switch fields[index].known {
            case .host, .contentLength, .transferEncoding: continue
            case _:
                guard nominates(fields[index].name, in: bytes) else { continue }
                fields[index].isNominated = true
                gone |= fields[index].known.bit
            }
        }
        return gone
    }

    private func nominates(_ name: ByteRange, in bytes: Span<UInt8>) -> Bool {
        nominations.contains { nominated in
            guard nominated.count == name.count else { return false }
            for offset in 0..<name.count
            where bytes[nominated.lower + offset].foldedInName != bytes[name.lower + offset].foldedInName {
                return false
            }
            return true
        }
    }
}
