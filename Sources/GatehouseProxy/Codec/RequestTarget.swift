internal import GatehouseCore

/// A request target, taken apart (RFC 9112 section 3.2). Only origin-form and absolute-form are served.
struct RequestTarget {
    var path: ByteRange
    var query: ByteRange?
    /// The authority of absolute-form, which must equal `Host`.
    var authority: ByteRange?

    /// - Parameter range: the target, without control bytes or spaces.
    static func parse(_ bytes: Span<UInt8>, _ range: ByteRange) -> Result<RequestTarget, Refusal> {
        var start = range.lower
        var authority: ByteRange?
        if bytes[start] != 0x2F {
            guard let scheme = schemeLength(bytes, range) else { return .failure(.malformed) }
            let from = start + scheme
            start = ByteScan.first(0x2F, bytes, from: from, to: range.upper)
            // An absolute-form without a path, or with a query in the place of one, is refused, because readers guess differently.
            guard start < range.upper, start > from else { return .failure(.malformed) }
            authority = ByteRange(from, start)
        }
        let end = range.upper
        var at = start
        while at < end {
            let byte = bytes[at]
            at &+= 1
            // Letters, digits and most marks take the short way.
            if byte &- 0x61 < 26 { continue }
            switch byte {
            case 0x2F:
                if at < end, let refusal = segment(bytes, at, end) { return .failure(refusal) }
            case 0x25:
                guard at &+ 1 < end, let high = bytes[at].hexValue, let low = bytes[at &+ 1].hexValue else {
                    return .failure(.ambiguous)
                }
                guard !isAmbiguous(high << 4 | low) else { return .failure(.ambiguous) }
                at &+= 2
            case 0x5C: return .failure(.ambiguous)
            case 0x3F:
                let path = ByteRange(start, at &- 1)
                guard isPlain(bytes, at, end) else { return .failure(.malformed) }
                return .success(RequestTarget(path: path, query: ByteRange(at, end), authority: authority))
            case 0x23, 0x80...: return .failure(.malformed)
            case _: continue
            }
        }
        return .success(RequestTarget(path: ByteRange(start, end), query: nil, authority: authority))
    }

    enum Refusal: Error {
        case malformed
        case ambiguous
        var reason: Reason { self == .malformed ? .requestMalformed : .pathAmbiguous }
    }

    /// Encoded bytes that would route differently once decoded: NUL, `/`, `\`, and the unreserved characters, which no encoder
    /// has to encode and every decoder may decode first (RFC 3986 section 6.2.2.2): `/%61dmin` must not pass a rule for
    /// `/admin`.
    @inline(__always)
    private static func isAmbiguous(_ byte: UInt8) -> Bool {
        if byte.isASCIILetter || byte.isASCIIDigit { return true }
        switch byte {
        case 0x00, 0x2F, 0x5C, 0x2D, 0x2E, 0x5F, 0x7E: return true
        case _: return false
        }
    }

    /// Looks at the start of a segment: empty before another, or one of dots with or without `;parameters`.
    @inline(__always)
    private static func segment(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Refusal? {
        let first = bytes[start]
        if first == 0x2F { return .ambiguous }
        guard first == 0x2E else { return nil }
        var at = start &+ 1
        if at < end, bytes[at] == 0x2E { at &+= 1 }
        guard at < end else { return .ambiguous }
        switch bytes[at] {
        case 0x2F, 0x3F, 0x3B: return .ambiguous
        // An encoded `;`; an encoded dot is refused wherever it stands.
        case 0x25: return at &+ 2 < end && bytes[at &+ 1] == 0x33 && bytes[at &+ 2] | 0x20 == 0x62 ? .ambiguous : nil
        case _: return nil
        }
    }

    /// Whether a query has neither a fragment nor a byte beyond ASCII.
    private static func isPlain(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        for index in start..<end where bytes[index] == 0x23 || bytes[index] >= 0x80 { return false }
        return true
    }

    private static func schemeLength(_ bytes: Span<UInt8>, _ range: ByteRange) -> Int? {
        if range.count > 7, bytes.equalsIgnoringCase(ByteRange(range.lower, range.lower + 7), "http://") { return 7 }
        if range.count > 8, bytes.equalsIgnoringCase(ByteRange(range.lower, range.lower + 8), "https://") { return 8 }
        return nil
    }
}
