package import GatehouseCore

/// The client's fields that never reach the upstream, beside those that mean something to the gateway: every copy of an injected name, whatever its
/// case and with `_` and `.` read as `-`, and the fields of the route's `strip`.
package struct StripSet: Sendable {
    private struct Entry: Sendable {
        let folded: [UInt8]
        let isPrefix: Bool
    }

    private let entries: [Entry]
    /// A bit for each folded first byte, modulo 64, and one for each third: most names are let pass by two tests. The second byte
    /// would distinguish little, being a `-` so often.
    private let firsts: UInt64
    private let thirds: UInt64

    package init(names: [HeaderName] = [], patterns: [HeaderPattern] = []) {
        entries =
            names.map { Entry(folded: Array($0.folded.utf8), isPrefix: false) }
            + patterns.map { Entry(folded: Array($0.folded.utf8), isPrefix: $0.isPrefix) }
        firsts = entries.reduce(0) { mask, entry in entry.folded.first.map { mask | Self.bit($0) } ?? mask }
        thirds = entries.reduce(0) { mask, entry in entry.folded.count > 2 ? mask | Self.bit(entry.folded[2]) : .max }
    }

    @inline(__always)
    private static func bit(_ byte: UInt8) -> UInt64 { 1 << UInt64(byte & 63) }

    @inline(__always)
    package func contains(_ name: ByteRange, in bytes: Span<UInt8>) -> Bool {
        guard !name.isEmpty, firsts & Self.bit(bytes[name.lower].foldedInName) != 0 else { return false }
        if name.count > 2, thirds & Self.bit(bytes[name.lower &+ 2].foldedInName) == 0 { return false }
        return search(name, bytes)
    }

    @inline(never)
    private func search(_ name: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        for entry in entries where entry.isPrefix ? name.count >= entry.folded.count : name.count == entry.folded.count
        {
            var offset = 0
            while offset < entry.folded.count, bytes[name.lower + offset].foldedInName == entry.folded[offset] {
                offset += 1
            }
            if offset == entry.folded.count { return true }
        }
        return false
    }
}

extension KnownField {
    /// The known fields that are dropped from every request. The rewrite writes some of them anew.
    @inline(__always) static var droppedFromRequests: UInt64 {
        host.bit | connection.bit | keepAlive.bit | te.bit | upgrade.bit | proxy.bit | authorization.bit | origin.bit
            | acceptEncoding.bit | assertion.bit | accessOther.bit | requestID.bit | override.bit
            | shadow.bit
    }

    /// The known fields that are dropped from every response. The rewrite writes some of them anew.
    @inline(__always) static var droppedFromResponses: UInt64 {
        contentLength.bit | transferEncoding.bit | connection.bit | keepAlive.bit | te.bit | upgrade.bit | proxy.bit
            | requestID.bit | shadow.bit
    }
}
