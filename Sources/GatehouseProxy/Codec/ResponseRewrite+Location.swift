internal import GatehouseCore

extension ResponseRewrite {
    /// A `Location` that leads to the upstream, taken apart: what the client gets in its place.
    struct OwnLocation {
        /// Whether scheme and authority stood there, whose place the public ones take.
        let namesAuthority: Bool
        /// Whether the route's prefix goes before `rest`.
        let isBelowPrefix: Bool
        /// The path behind the upstream's prefix, with query and fragment.
        let rest: ByteRange
    }

    /// Nil when the location names another authority, or is relative to the request's own path (RFC 3986 section 4.2): it passes as it is.
    func ownLocation(
        _ value: ByteRange,
        _ source: UnsafeRawBufferPointer,
        _ publicAuthority: UnsafeRawBufferPointer
    ) -> OwnLocation? {
        guard let (from, defaultPort) = afterScheme(value, source) else {
            guard value.count > 0, source[value.lower] == 0x2F else { return nil }
            // An upstream that knows its public prefix has written it already.
            guard !upstreamPath.isEmpty || !isBelow(publicPath, value, source) else { return nil }
            guard isBelow(upstreamPath, value, source) else { return nil }
            let rest = ByteRange(value.lower + upstreamPath.count, value.upper)
            // With its prefix taken off, `/api//host` would name an authority.
            guard !publicPath.isEmpty || !hasPrefix(source, rest, "//") else { return nil }
            return OwnLocation(namesAuthority: false, isBelowPrefix: true, rest: rest)
        }
        var end = from
        while end < value.upper, source[end] != 0x2F, source[end] != 0x3F, source[end] != 0x23 { end += 1 }
        var authorityEnd = end
        if let defaultPort, hasSuffix(source, from, end, defaultPort) {
            authorityEnd -= defaultPort.utf8CodeUnitCount
        }
        let authority = source[from..<authorityEnd]
        func isAuthority(_ other: some Sequence<UInt8>) -> Bool {
            authority.elementsEqual(other) { $0.lowercasedASCII == $1.lowercasedASCII }
        }
        // When `Host` is the public authority, an upstream takes it for its own name, and the scheme of Gatehouse's connection for its own scheme.
        let isPublic = preservesHost && isAuthority(publicAuthority)
        guard isPublic || isAuthority(upstreamAuthority) else { return nil }
        let path = ByteRange(end, value.upper)
        let isBelow = isBelow(upstreamPath, path, source)
        // Such an upstream may also know its public prefix.
        let hasPublicPath = isPublic && upstreamPath.isEmpty && self.isBelow(publicPath, path, source)
        let isMapped = isBelow && !hasPublicPath
        return OwnLocation(
            namesAuthority: true,
            isBelowPrefix: isMapped,
            rest: ByteRange(isMapped ? end + upstreamPath.count : end, value.upper)
        )
    }

    func writeLocation(
        _ location: OwnLocation,
        _ publicAuthority: UnsafeRawBufferPointer,
        _ source: UnsafeRawBufferPointer,
        _ writer: inout HeadWriter
    ) {
        if location.namesAuthority {
            writer.append(publicScheme)
            writer.append(publicAuthority)
        }
        if location.isBelowPrefix { writer.append(publicPath) }
        // A path that was the prefix alone becomes empty; a query alone would be relative to the request's path.
        if !location.namesAuthority, publicPath.isEmpty, !hasPrefix(source, location.rest, "/") { writer.append(0x2F) }
        writer.append(source, location.rest.lower, location.rest.upper)
    }

    /// Whether a path stands below a prefix, on whole segments.
    private func isBelow(_ prefix: [UInt8], _ path: ByteRange, _ source: UnsafeRawBufferPointer) -> Bool {
        let below = path.lower + prefix.count
        guard below <= path.upper, source[path.lower..<below].elementsEqual(prefix) else { return false }
        return below == path.upper || prefix.isEmpty || source[below] == 0x2F || source[below] == 0x3F
            || source[below] == 0x23
    }

    /// The address that the legacy transport's `endpoint` event names, in its public form: an address that names the upstream's own
    /// authority like a `Location`, and a path with the route's prefix in place of the upstream's. Anything else stays.
    func publicAddress(of address: UnsafeRawBufferPointer, _ publicAuthority: UnsafeRawBufferPointer) -> [UInt8] {
        guard let own = ownLocation(ByteRange(0, address.count), address, publicAuthority) else {
            return Array(address)
        }
        return (own.namesAuthority ? publicScheme + Array(publicAuthority) : []) + (own.isBelowPrefix ? publicPath : [])
            + address[own.rest.lower..<own.rest.upper]
    }

    /// The offset behind `http://`, `https://` or `//`, and the port that the scheme implies.
    private func afterScheme(_ value: ByteRange, _ source: UnsafeRawBufferPointer) -> (Int, StaticString?)? {
        if hasPrefix(source, value, "http://") { return (value.lower + 7, ":80") }
        if hasPrefix(source, value, "https://") { return (value.lower + 8, ":443") }
        if hasPrefix(source, value, "//") { return (value.lower + 2, nil) }
        return nil
    }

    private func hasPrefix(_ source: UnsafeRawBufferPointer, _ value: ByteRange, _ prefix: StaticString) -> Bool {
        guard value.count >= prefix.utf8CodeUnitCount else { return false }
        for offset in 0..<prefix.utf8CodeUnitCount
        where source[value.lower + offset].lowercasedASCII != prefix.utf8Start[offset] {
            return false
        }
        return true
    }

    private func hasSuffix(_ source: UnsafeRawBufferPointer, _ lower: Int, _ upper: Int, _ suffix: StaticString) -> Bool
    {
        let start = upper - suffix.utf8CodeUnitCount
        guard start > lower else { return false }
        for offset in 0..<suffix.utf8CodeUnitCount where source[start + offset] != suffix.utf8Start[offset] {
            return false
        }
        return true
    }
}
