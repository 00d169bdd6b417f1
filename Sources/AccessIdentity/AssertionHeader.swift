internal import GatehouseCore

/// The members of a JOSE header (RFC 7515 section 4) that are used. `jwk`, `jku`, `x5u` and `x5c` are ignored: a key that the token brings along
/// proves nothing.
struct AssertionHeader {
    /// Members of a header, at most: the header is read before the signature holds.
    static let maximumMembers = 32
    /// Objects and arrays inside each other, at most.
    static let maximumDepth = 8

    private(set) var algorithm: String?
    private(set) var keyID: String?
    /// Whether `crit` or `b64` is there, whatever it says.
    private(set) var hasExtensions = false

    init(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        var scanner = try JSONScanner(bytes, depthLimit: Self.maximumDepth)
        var names = JSONNames(limit: Self.maximumMembers)
        try scanner.beginObject()
        while let name = try scanner.nextMember(unique: &names) {
            if name == "alg", scanner.next == .string {
                algorithm = try scanner.string().text
            } else if name == "kid", scanner.next == .string {
                keyID = try scanner.string().text
            } else {
                if name == "crit" || name == "b64" { hasExtensions = true }
                try scanner.skipUnique(limit: Self.maximumMembers)
            }
        }
        try scanner.finish()
    }
}
