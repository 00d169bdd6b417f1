internal import GatehouseCore

/// Paths under `.well-known` belong to Access and to Gatehouse: nothing is forwarded there, and no token injected.
enum WellKnown {
    /// Whether the first segment, or the first behind the route's prefix, is `.well-known`, in any case and with or without `;parameters`.
    ///
    /// - Parameters:
    ///   - path: unambiguous, so that no letter and no dot is percent-encoded.
    ///   - prefix: bytes that the route's prefix covers.
    static func contains(_ path: UnsafeRawBufferPointer, prefix: Int) -> Bool {
        startsSegment(path) || startsSegment(UnsafeRawBufferPointer(rebasing: path.dropFirst(prefix)))
    }

    private static func startsSegment(_ path: UnsafeRawBufferPointer) -> Bool {
        let name: StaticString = "/.well-known"
        let count = name.utf8CodeUnitCount
        guard name.withUTF8Buffer({ $0.elementsEqual(path.prefix(count), by: { $0 == $1.lowercasedASCII }) })
        else { return false }
        // `%` begins an encoded `;`; whatever else it is, no server needs a path of its own so near to this one.
        return path.count == count || path[count] == 0x2F || path[count] == 0x3B || path[count] == 0x25
    }

    /// The path of the resource whose metadata a path names (RFC 9728 section 3.1), nil for any other path.
    static func resourcePath(_ path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let place = ResourceMetadata.wellKnownPath.utf8
        guard place.elementsEqual(path.prefix(place.count)) else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: path.dropFirst(place.count))
        return rest.isEmpty || rest.first == 0x2F ? rest : nil
    }
}
