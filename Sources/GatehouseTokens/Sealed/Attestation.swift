internal import Crypto
internal import FoundationEssentials

/// The seal of a record that holds no secret: who could write it had a master key.
///
/// Bytes: a 4-byte format prefix, the 8-byte id of the master key, HMAC-SHA256 (32 bytes) over the record's ``Framing``, whose first field
/// is the prefix. The HMAC key is HKDF-SHA256(master key, no salt, info "gatehouse attest v1", 32 bytes).
struct Attestation: Sendable {
    static let length = 44

    let keyring: MasterKeyring

    func seal(_ record: some AttestedRecord) -> [UInt8] {
        let key = keyring.first
        let code = HMAC<SHA256>.authenticationCode(for: record.framed, using: key.attesting)
        return type(of: record).prefix + key.id.bytes + Array(code)
    }

    /// - Throws: ``TokenError`` `keyUnknown` or `tampered`.
    func verify(_ record: some AttestedRecord, _ seal: [UInt8]) throws(TokenError) {
        guard let id = Self.keyID(of: seal, prefix: type(of: record).prefix) else { throw record.tampered }
        guard let key = keyring[id] else {
            throw TokenSealer.keyUnknown(id, "the record of the token '\(record.name)'")
        }
        guard
            HMAC<SHA256>.isValidAuthenticationCode(seal[12...], authenticating: record.framed, using: key.attesting)
        else { throw record.tampered }
    }

    static func keyID(of seal: [UInt8], prefix: [UInt8]) -> MasterKey.ID? {
        guard seal.count == length, seal.starts(with: prefix) else { return nil }
        return MasterKey.ID(bytes: Array(seal[4..<12]))
    }
}

protocol AttestedRecord {
    static var prefix: [UInt8] { get }
    var name: String { get }
    /// Everything that the record says, its prefix and table first.
    var framed: [UInt8] { get }
}

extension AttestedRecord {
    var tampered: TokenError {
        TokenError(
            .tampered,
            "the record of the token '\(name)' was changed outside Gatehouse",
            hint: "delete the token and set it anew, and find out who wrote to the database"
        )
    }
}

/// Which version of a token is current.
struct TokenHead: AttestedRecord, Equatable {
    static let prefix = Array("GHH1".utf8)

    var name: String
    /// 0 for a deleted token. Its head stays, so that no version number is used twice.
    var current: Int64
    /// The highest version there ever was.
    var latest: Int64
    /// Counts the changes.
    var revision: Int64
    var changedAt: Int64

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
