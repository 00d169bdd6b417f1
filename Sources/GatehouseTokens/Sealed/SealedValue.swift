internal import GatehouseCore

/// The bytes of one sealed value, the same in every database.
///
/// ```
/// offset  bytes
///      0      4  format prefix: "GHS2", or "GHS1" in a store that is not bound
///      4      8  id of the master key: first 8 bytes of SHA-256 over it
///     12     12  nonce of the wrapping
///     24     32  data key, encrypted
///     56     16  tag of the wrapping
///     72     12  nonce of the value
///     84      n  value, encrypted (n = 1...8192)
/// 84 + n     16  tag of the value
/// ```
///
/// Both encryptions are AES-256-GCM. The data key is 32 random bytes for each value; it is wrapped under HKDF-SHA256(master key, no salt,
/// info "gatehouse wrap v1", 32 bytes). GCM and not AES-KW (RFC 3394), because GCM also binds the row and is already needed.
/// Nonces are random: a data key seals once, and a wrapping key stays far below the 2^32 wrappings of NIST SP 800-38D section 8.3.
///
/// Authenticated data, in ``Framing``'s fields:
/// - of the wrapping: prefix, "key", master key id, the store's id (GHS2 only), table, name, version;
/// - of the value: "GHS1", "value", table, name, version, predecessor, created, expires, actor, note.
///
/// The master key id is not part of the value's, so that `key rotate` re-wraps the data key and never sees the value.
struct SealedValue {
    static let prefix = Array("GHS1".utf8)
    static let boundPrefix = Array("GHS2".utf8)
    static let overhead = 100
    /// Bytes of the longest value that a store seals: a grant, which is two tokens with numbers and digests beside them.
    static let maximumLength = overhead + 1024 + 2 * TokenValue.maximumLength

    /// Whether it was sealed for one store: see ``StoreID``.
    let isBound: Bool
    var keyID: MasterKey.ID
    var wrapNonce: ArraySlice<UInt8>
    var wrappedKey: ArraySlice<UInt8>
    var wrapTag: ArraySlice<UInt8>
    var nonce: ArraySlice<UInt8>
    var ciphertext: ArraySlice<UInt8>
    var tag: ArraySlice<UInt8>

    /// Nil for another prefix or too few bytes; the length of the value is what remains.
    init?(_ bytes: [UInt8]) {
        isBound = bytes.starts(with: Self.boundPrefix)
        guard bytes.count > Self.overhead, isBound || bytes.starts(with: Self.prefix) else { return nil }
        keyID = MasterKey.ID(bytes: Array(bytes[4..<12]))
        wrapNonce = bytes[12..<24]
        wrappedKey = bytes[24..<56]
        wrapTag = bytes[56..<72]
        nonce = bytes[72..<84]
        ciphertext = bytes[84..<(bytes.count - 16)]
        tag = bytes[(bytes.count - 16)...]
    }

    /// The key id of a row, whose rest may be anything.
    static func keyID(of bytes: [UInt8]) -> MasterKey.ID? { SealedValue(bytes)?.keyID }
}

/// The row of a sealed value, and the row's other columns.
struct SealedRow: Equatable {
    /// Part of the authenticated data in every database, whatever its table is called there.
    static let table = "token_versions"

    var name: String
    var version: Int64
    /// The version that was current when this one was set; nil for a first one.
    var predecessor: Int64?
    var createdAt: Int64
    var expiresAt: Int64?
    var actor: String
    var note: String

    func wrapContext(keyID: MasterKey.ID, store: StoreID?) -> [UInt8] {
        var context = Framing()
        context.append(store == nil ? SealedValue.prefix : SealedValue.boundPrefix)
        context.append("key")
        context.append(keyID.bytes)
        if let store { context.append(store.bytes) }
        context.append(Self.table)
        context.append(name)
        context.append(version)
        return context.bytes
    }

    var valueContext: [UInt8] {
        var context = Framing()
        context.append(SealedValue.prefix)
        context.append("value")
        context.append(Self.table)
        context.append(name)
        context.append(version)
        context.append(predecessor)
        context.append(createdAt)
        context.append(expiresAt)
        context.append(actor)
        context.append(note)
        return context.bytes
    }
}
