internal import GatehouseCore

extension ResponseRewrite {
    /// What stays of a `Location` that names the upstream's own authority: the path, under the upstream's prefix or not, with
    /// query and fragment.
    struct OwnLocation {
        let rest: ByteRange
        /// Whether the upstream's path prefix stood before `rest`, so that the route's takes its place.
        let isBelowPrefix: Bool
    }

    /// Nil when the location is relative or names another authority: it passes as it is.
    func ownLocation(_ value: ByteRange, _ source: UnsafeRawBufferPointer) -> OwnLocation? {
        guard let (from, defaultPort) = afterScheme(value, source) else { return nil }
        var end = from
        while end < value.upper, source[end] != 0x2F, source[end] != 0x3F, source[end] != 0x23 { end += 1 }
        var authorityEnd = end
        if hasSuffix(source, from, end, defaultPort) { authorityEnd -= defaultPort.utf8CodeUnitCount }
        guard authorityEnd - from == upstreamAuthority.count else { return nil }
        for offset in 0..<upstreamAuthority.count
        where source[from + offset].lowercasedASCII != upstreamAuthority[offset] {
            return nil
        }
        let below = end + upstreamPath.count
        var isBelow = below <= value.upper
        if isBelow {
            for offset in 0..<upstreamPath.count where source[end + offset] != upstreamPath[offset] {
                isBelow = false
                break
            }
        }
        if isBelow, below < value.upper, !upstreamPath.isEmpty {
            isBelow = source[below] == 0x2F || source[below] == 0x3F || source[below] == 0x23
        }
        return OwnLocation(rest: ByteRange(isBelow ? below : end, value.upper), isBelowPrefix: isBelow)
    }

    func writeLocation(
        _ location: OwnLocation,
        _ publicAuthority: UnsafeRawBufferPointer,
        _ source: UnsafeRawBufferPointer,
        _ writer: inout HeadWriter
    ) {
        writer.append(publicScheme)
        writer.append(publicAuthority)
        if location.isBelowPrefix { writer.append(publicPath) }
        writer.append(source, location.rest.lower, location.rest.upper)
    }

    /// What the legacy transport's `endpoint` event says, as the public knows it: an address that names the upstream's own
    /// authority like a `Location`, and a path with the route's prefix in place of the upstream's. Anything else stays.
    func publicAddress(of address: UnsafeRawBufferPointer, _ publicAuthority: UnsafeRawBufferPointer) -> [UInt8] {
        if let own = ownLocation(ByteRange(0, address.count), address) {
            return publicScheme + Array(publicAuthority) + (own.isBelowPrefix ? publicPath : [])
                + address[own.rest.lower..<own.rest.upper]
        }
        guard address.first == 0x2F, address.count < 2 || address[1] != 0x2F, address.starts(with: upstreamPath) else {
            return Array(address)
        }
        let rest = address[upstreamPath.count...]
        guard upstreamPath.isEmpty || rest.isEmpty || rest.first == 0x2F || rest.first == 0x3F else {
            return Array(address)
        }
        return publicPath + rest
    }

    /// The offset behind `http://` or `https://`, and the port that the scheme implies.
    private func afterScheme(_ value: ByteRange, _ source: UnsafeRawBufferPointer) -> (Int, StaticString)? {
        if hasPrefix(source, value, "http://") { return (value.lower + 7, ":80") }
        if hasPrefix(source, value, "https://") { return (value.lower + 8, ":443") }
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
