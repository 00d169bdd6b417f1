/// The header fields that mean something to the gateway.
package enum KnownField: UInt8, Sendable {
    case other
    case host, contentLength, transferEncoding
    case connection, keepAlive, te, upgrade
    /// Any other `Proxy-*` field.
    case proxy
    case trailer, expect
    case cookie, authorization, origin, acceptEncoding, accept
    /// `Cf-Access-Jwt-Assertion` in any case, written with `-`.
    case assertion
    /// Any other `Cf-Access-*` field, and the assertion's name written with `_`.
    case accessOther
    case cfRay, cfConnectingIP
    /// `X-Request-Id`, with `-` or `_`.
    case requestID
    case traceparent, tracestate
    /// Any `Access-Control-*` field.
    case accessControl
    case contentType, contentEncoding, location, cacheControl, xAccelBuffering, setCookie
    case mcpSessionID, mcpProtocolVersion, mcpMethod, mcpName, lastEventID
    /// A field by which some servers take another path or method than the request line has, and so than the one that was judged; see
    /// ``OverrideField``.
    case override
    /// A field that would be one of the above, or `X-Forwarded-For` or `-Proto`, if `_` or `.` were `-`, as CGI, WSGI and PHP read it.
    /// Never forwarded: such a server could not distinguish it from the real one.
    case shadow

    @inline(__always) var bit: UInt64 { 1 &<< UInt64(rawValue) }
}

extension KnownField {
    /// Classifies a name. `isToken` is false when the name is none by RFC 9110 section 5.1; a name that is known is one.
    ///
    /// The bytes have no control byte: only then does setting bit 5 fold nothing but letters onto letters and `-` onto `-`.
    @inline(__always)
    static func classify(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> (known: KnownField, isToken: Bool) {
        // Checked once, so that the words of the names need not be.
        precondition(start >= 0 && count >= 0 && count <= bytes.count &- start, "a name lies within its bytes")
        if let known = exact(bytes, start, count) { return (known, true) }
        return unusual(bytes, start, count)
    }

    /// The fields that most messages carry, by length and then by whole words; some of them are known to mean nothing here. Nil is
    /// for any other name.
    @inline(__always)
    private static func exact(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> KnownField? {
        switch count {
        case 2: return bytes[start] | 0x20 == 0x74 && bytes[start &+ 1] | 0x20 == 0x65 ? .te : nil
        case 4:
            if bytes.isName(start, "host") { return .host }
            return bytes.isName(start, "date") ? .other : nil
        case 6:
            if bytes.isName(start, "accept") { return .accept }
            if bytes.isName(start, "cookie") { return .cookie }
            if bytes.isName(start, "cf-ray") { return .cfRay }
            if bytes.isName(start, "origin") { return .origin }
            return bytes.isName(start, "expect") ? .expect : nil
        case 7:
            if bytes.isName(start, "upgrade") { return .upgrade }
            return bytes.isName(start, "trailer") ? .trailer : nil
        case 8:
            if bytes.isName(start, "location") { return .location }
            return bytes.isName(start, "mcp-name") ? .mcpName : nil
        case 10:
            if bytes.isName(start, "connection") { return .connection }
            if bytes.isName(start, "user-agent") { return .other }
            if bytes.isName(start, "keep-alive") { return .keepAlive }
            if bytes.isName(start, "set-cookie") { return .setCookie }
            if bytes.isName(start, "mcp-method") { return .mcpMethod }
            return bytes.isName(start, "tracestate") ? .tracestate : nil
        case 11: return bytes.isName(start, "traceparent") ? .traceparent : nil
        case 12:
            if bytes.isName(start, "content-type") { return .contentType }
            return bytes.isName(start, "x-request-id") ? .requestID : nil
        case 13:
            if bytes.isName(start, "authorization") { return .authorization }
            if bytes.isName(start, "cache-control") { return .cacheControl }
            return bytes.isName(start, "last-event-id") ? .lastEventID : nil
        case 14:
            if bytes.isName(start, "content-length") { return .contentLength }
            return bytes.isName(start, "mcp-session-id") ? .mcpSessionID : nil
        case 15:
            if bytes.isName(start, "accept-encoding") { return .acceptEncoding }
            return bytes.isName(start, "x-forwarded-for") ? .other : nil
        case 16:
            if bytes.isName(start, "cf-connecting-ip") { return .cfConnectingIP }
            return bytes.isName(start, "content-encoding") ? .contentEncoding : nil
        case 17:
            if bytes.isName(start, "transfer-encoding") { return .transferEncoding }
            if bytes.isName(start, "x-forwarded-proto") { return .other }
            return bytes.isName(start, "x-accel-buffering") ? .xAccelBuffering : nil
        case 20: return bytes.isName(start, "mcp-protocol-version") ? .mcpProtocolVersion : nil
        case 23: return bytes.isName(start, "cf-access-jwt-assertion") ? .assertion : nil
        case _: return nil
        }
    }

    /// Names that are not known as they stand: checks that each byte is a token character, and reads `_` and `.` as `-`.
    @inline(never)
    private static func unusual(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> (known: KnownField, isToken: Bool)
    {
        guard count > 0 else { return (.other, false) }
        var folds = false
        var at = start
        let end = start &+ count
        while at &+ 8 <= end, ByteScan.isPlainName(ByteScan.unchecked(bytes, at)) { at &+= 8 }
        while at < end {
            let byte = bytes[at]
            at &+= 1
            let isLetter = (byte | 0x20) &- 0x61 < 26
            if isLetter || byte == 0x2D { continue }
            guard TokenCharacters.contains(byte) else { return (.other, false) }
            if byte == 0x5F || byte == 0x2E { folds = true }
        }
        let first = bytes[start] | 0x20
        if first == 0x63, hasPrefix(bytes, start, count, "cf-access-") { return (.accessOther, true) }
        if first == 0x70, hasPrefix(bytes, start, count, "proxy-") { return (.proxy, true) }
        if first == 0x61, hasPrefix(bytes, start, count, "access-control-") { return (.accessControl, true) }
        if OverrideField.isOne(bytes, start, count) { return (.override, true) }
        guard folds, count <= longest else { return (.other, true) }
        return (shadowed(bytes, start, count), true)
    }

    private static var longest: Int { 23 }

    private static func shadowed(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> KnownField {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: count) { folded in
            for offset in 0..<count { folded[offset] = bytes[start + offset].foldedInName }
            switch exact(folded.span, 0, count) {
            case nil: return .other
            case .requestID: return .requestID
            case _: return .shadow
            }
        }
    }

    static func hasPrefix(_ bytes: Span<UInt8>, _ start: Int, _ count: Int, _ prefix: StaticString) -> Bool {
        guard count >= prefix.utf8CodeUnitCount else { return false }
        for offset in 0..<prefix.utf8CodeUnitCount
        where bytes[start + offset].foldedInName != prefix.utf8Start[offset] {
            return false
        }
        return true
    }
}

/// `tchar` of RFC 9110 section 5.6.2 as two words of bits.
enum TokenCharacters {
    @inline(__always)
    static func contains(_ byte: UInt8) -> Bool {
        guard byte < 0x80 else { return false }
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        return (byte < 0x40 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }
}

extension Span<UInt8> {
    /// Whether the folded name at `start` is `word`, whose length was compared before. Words overlap at the end, so that four
    /// bytes or more leave no rest. The literal's words fold to constants.
    @inline(__always)
    fileprivate func isName(_ start: Int, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        let expected = UnsafeRawPointer(word.utf8Start)
        if count < 8 {
            return foldedHalf(start) == expected.loadUnaligned(as: UInt32.self)
                && foldedHalf(start &+ count &- 4)
                    == expected.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
        }
        if foldedWord(start) != expected.loadUnaligned(as: UInt64.self) { return false }
        if count > 16, foldedWord(start &+ 8) != expected.loadUnaligned(fromByteOffset: 8, as: UInt64.self) {
            return false
        }
        return foldedWord(start &+ count &- 8) == expected.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }

    @inline(__always)
    private func foldedWord(_ offset: Int) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self) | 0x2020_2020_2020_2020
    }

    @inline(__always)
    private func foldedHalf(_ offset: Int) -> UInt32 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self) | 0x2020_2020
    }
}
