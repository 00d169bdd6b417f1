internal import Crypto
internal import FoundationEssentials

/// The seal of a record that holds no secret: who could write it had a master key.
///
/// Bytes: a 4-byte format prefix, the 8-byte id of the master key, HMAC-SHA256 (32 bytes) over the record's ``Framing``, whose first field
/// is the prefix. The HMAC key is HKDF-SHA256(master key, no salt, info "gatehouse attest v1", 32 bytes).
///
/// In a store that is bound the prefix ends in 2, and the HMAC is over the fields: prefix, the store's id, the record's framing.
struct Attestation: Sendable {
    static let length = 44

    let keyring: MasterKeyring

    /// - Parameter store: the one that the record stands in; nil for one that is not bound.
    func seal<Record: AttestedRecord>(_ record: Record, of store: StoreID? = nil) -> [UInt8] {
        let key = keyring.first
        let code = HMAC<SHA256>.authenticationCode(for: Self.message(record, store), using: key.attesting)
        return (store == nil ? Record.prefix : Record.boundPrefix) + key.id.bytes + Array(code)
    }

    /// - Throws: ``TokenError`` `keyUnknown` or `tampered`.
    func verify<Record: AttestedRecord>(
        _ record: Record,
        _ seal: [UInt8],
        of store: StoreID? = nil
    ) throws(TokenError) {
        guard let id = Self.keyID(of: seal, Record.self) else { throw record.tampered }
        let isBound = Self.isBound(seal, Record.self)
        guard isBound == (store != nil) else { throw .otherStore(record.name, isBound: isBound) }
        guard let key = keyring[id] else {
            let isStores = [SealedTokenStore.storeName, SealedTokenStore.keysName].contains(record.name)
            throw TokenSealer.keyUnknown(id, isStores ? "the store" : "the record of the token '\(record.name)'")
        }
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                seal[12...],
                authenticating: Self.message(record, store),
                using: key.attesting
            )
        else { throw record.tampered }
    }

    static func keyID<Record: AttestedRecord>(of seal: [UInt8], _ record: Record.Type) -> MasterKey.ID? {
        guard seal.count == length, seal.starts(with: Record.prefix) || isBound(seal, record) else { return nil }
        return MasterKey.ID(bytes: Array(seal[4..<12]))
    }

    static func isBound<Record: AttestedRecord>(_ seal: [UInt8], _ record: Record.Type) -> Bool {
        seal.starts(with: Record.boundPrefix)
    }

    private static func message<Record: AttestedRecord>(_ record: Record, _ store: StoreID?) -> [UInt8] {
        guard let store else { return record.framed }
        var fields = Framing()
        fields.append(Record.boundPrefix)
        fields.append(store.bytes)
        fields.append(record.framed)
        return fields.bytes
    }
}

protocol AttestedRecord {
    static var prefix: [UInt8] { get }
    var name: String { get }
    /// Everything that the record says, its prefix and table first.
    var framed: [UInt8] { get }
}

extension AttestedRecord {
    /// The next number of the format: "GHH1" and "GHH2".
    static var boundPrefix: [UInt8] { prefix.dropLast() + [UInt8(ascii: "2")] }

    var tampered: TokenError {
        TokenError(
            .tampered,
            "the record of the token '\(name)' was changed outside Gatehouse",
            hint: "delete the token and set it anew, and find out who wrote to the database"
        )
    }
}

/// The record that names the current version of a token.
struct TokenHead: AttestedRecord, Equatable {
    static let prefix = Array("GHH1".utf8)

    var name: String
    /// 0 for a deleted token. Its head stays, so that no version number is used twice.
    var current: Int64 = 0
    /// The highest version there ever was.
    var latest: Int64 = 0
    /// Counts the changes.
    var revision: Int64 = 0
    var changedAt: Int64 = 0

    var framed: [UInt8] {
        var fields = Framing()
        fields.append(Self.prefix)
        fields.append("token_heads")
        fields.append(name)
        for number in [current, latest, revision, changedAt] { fields.append(number) }
        return fields.bytes
    }
}

/// One change of a token, as its row says.
struct EventRecord: AttestedRecord, Equatable {
    static let prefix = Array("GHE1".utf8)

    var name: String
    var revision: Int64
    var action: String
    var version: Int64
    var at: Int64
    var actor: String
    var note: String

    var framed: [UInt8] {
        var fields = Framing()
        fields.append(Self.prefix)
        fields.append("token_events")
        fields.append(name)
        fields.append(revision)
        fields.append(action)
        fields.append(version)
        fields.append(at)
        fields.append(actor)
        fields.append(note)
        return fields.bytes
    }
}
