/// A request's fields about its content and about the answer that it asks for.
extension RequestHead {
    /// Whether the body is in a content coding; `identity` is none (RFC 9110 section 8.4.1).
    func isEncoded(_ bytes: Span<UInt8>) -> Bool {
        guard has(.contentEncoding) else { return false }
        for field in fields where field.known == .contentEncoding && !field.isNominated {
            if !field.value.isEmpty, !bytes.equalsIgnoringCase(field.value, "identity") { return true }
        }
        return false
    }

    /// Whether some `Accept` lists `text/event-stream`, and not with the weight 0 (RFC 9110 section 12.5.1).
    func acceptsEventStream(_ bytes: Span<UInt8>) -> Bool {
        guard has(.accept) else { return false }
        for field in fields where field.known == .accept && !field.isNominated {
            var at = field.value.lower
            while at < field.value.upper {
                let comma = ByteScan.first(0x2C, bytes, from: at, to: field.value.upper)
                if Self.isEventStream(ByteRange(at, comma), bytes) { return true }
                at = comma + 1
            }
        }
        return false
    }

    private static func isEventStream(_ range: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        var parts = range.lower
        let end = ByteScan.first(0x3B, bytes, from: parts, to: range.upper)
        guard bytes.equalsIgnoringCase(trimmed(ByteRange(parts, end), bytes), "text/event-stream") else { return false }
        parts = end
        while parts < range.upper {
            let next = ByteScan.first(0x3B, bytes, from: parts + 1, to: range.upper)
            let parameter = trimmed(ByteRange(parts + 1, next), bytes)
            if parameter.count >= 3, bytes.equalsIgnoringCase(ByteRange(parameter.lower, parameter.lower + 2), "q=") {
                return (parameter.lower + 2..<parameter.upper).contains { bytes[$0] != 0x30 && bytes[$0] != 0x2E }
            }
            parts = next
        }
        return true
    }

    private static func trimmed(_ range: ByteRange, _ bytes: Span<UInt8>) -> ByteRange {
        var (lower, upper) = (range.lower, range.upper)
        while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower += 1 }
        while lower < upper, bytes[upper - 1] == 0x20 || bytes[upper - 1] == 0x09 { upper -= 1 }
        return ByteRange(lower, upper)
    }
}
