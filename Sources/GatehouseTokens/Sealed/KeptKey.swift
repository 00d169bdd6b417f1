internal import Crypto
package import GatehouseCore

/// The part of a retired master key that is kept: the keys derived from it by which the audit made before its end is verified and opened. No token,
/// session or bearer opens by them, and they do not reveal the master key itself.
///
/// It stands in the store as a value sealed under the first master key:
///
/// ```
/// bytes
///     8  id of the retired master key
///     8  its end, microseconds since 1970, big-endian
/// and for each purpose
///     1  length of the purpose's name
///     n  its name
///    32  the key
/// ```
package struct KeptKey: Sendable {
    package let id: MasterKey.ID
    package let end: Timestamp
    private let keys: [String: Secret]

    private static let keyLength = 32

    package init(of key: MasterKey, until end: Timestamp, for purposes: [String]) {
        id = key.id
        self.end = end
        keys = Dictionary(purposes.map { ($0, key.derived(for: $0)) }) { first, _ in first }
    }

    /// The key of a purpose; nil for one that was not kept.
    package func derived(for purpose: String) -> Secret? { keys[purpose] }

    /// - Returns: nil for bytes that ``value`` does not give.
    init?(_ value: Secret) {
        let parsed = value.withUnsafeBytes { bytes -> (MasterKey.ID, Timestamp, [String: Secret])? in
            guard bytes.count >= 16 else { return nil }
            let id = MasterKey.ID(bytes: Array(bytes[..<8]))
            let end = Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self))
            var keys: [String: Secret] = [:]
            var rest = bytes[16...]
            while let length = rest.popFirst() {
                guard rest.count >= Int(length) + Self.keyLength else { return nil }
                let name = String(decoding: rest.prefix(Int(length)), as: UTF8.self)
                rest = rest.dropFirst(Int(length))
                let key = rest.prefix(Self.keyLength)
                keys[name] = Secret(count: Self.keyLength) { $0.copyBytes(from: key) }
                rest = rest.dropFirst(Self.keyLength)
            }
            return (id, Timestamp(microseconds: end), keys)
        }
        guard let parsed else { return nil }
        (id, end, keys) = parsed
    }

    var value: Secret {
        let count = 16 + keys.keys.reduce(0) { $0 + 1 + $1.utf8.count + Self.keyLength }
        return Secret(count: count) { target in
            var place = 0
            func put(_ bytes: some Sequence<UInt8>) {
                for byte in bytes {
                    target[place] = byte
                    place += 1
                }
            }
            put(id.bytes)
            withUnsafeBytes(of: end.microseconds.bigEndian) { put($0) }
            for (name, key) in keys.sorted(by: { $0.key < $1.key }) {
                put([UInt8(truncatingIfNeeded: name.utf8.count)])
                put(name.utf8)
                key.withUnsafeBytes { put($0) }
            }
        }
    }
}

extension SealedTokenStore {
    /// The change by which a key of before is kept without being ended by it.
    static let keepAction = "keep_key"
    /// Keys that are kept; another one is refused `limit`.
    package static let maximumKept = 500

    /// The store's record of retired master keys.
    package struct KeyRecord: Sendable {
        package var ends: [MasterKey.ID: Timestamp] = [:]
        package var kept: [KeptKey] = []

        package init(ends: [MasterKey.ID: Timestamp] = [:], kept: [KeptKey] = []) {
            self.ends = ends
            self.kept = kept
        }
    }

    /// The same without making anything: empty for a store whose tables were never made.
    package func keyRecord() async throws(TokenError) -> KeyRecord {
        try await database.look { rows throws(TokenError) in
            KeyRecord(ends: try ends(rows), kept: try keptKeys(rows))
        } ?? KeyRecord()
    }

    /// Keeps keys that the store has not kept yet.
    ///
    /// - Returns: their ids.
    @discardableResult
    package func keep(_ keys: [KeptKey], by actor: String) async throws(TokenError) -> [MasterKey.ID] {
        guard !keys.isEmpty else { return [] }
        let (kept, revision) = try await database.use(.changing) { rows throws(TokenError) in
            try bindIfNew(by: actor, rows)
            var head = try keysHead(rows)
            let known = try keptKeys(rows)
            return (try keep(keys, beside: known, by: actor, &head, rows), head.revision)
        }
        if revision > 0 { seen.saw(Self.keysName, at: revision) }
        return kept
    }

    /// - Parameter known: those that were kept before anything was written in this transaction.
    func keep(
        _ keys: [KeptKey],
        beside known: [KeptKey],
        by actor: String,
        _ head: inout TokenHead,
        _ rows: TokenRows
    ) throws(TokenError) -> [MasterKey.ID] {
        var kept: [MasterKey.ID] = []
        for key in keys where !known.contains(where: { $0.id == key.id }) {
            guard head.latest < Int64(Self.maximumKept) else {
                throw TokenError(
                    .limit,
                    "the store keeps \(Self.maximumKept) retired keys for the audit, and takes no more"
                )
            }
            head.latest += 1
            let change = try TokenChange(actor: actor, note: key.id.description)
            let row = SealedRow(
                name: Self.keysName,
                version: head.latest,
                predecessor: nil,
                createdAt: clock.now().microseconds,
                expiresAt: nil,
                actor: change.actor,
                note: change.note
            )
            try rows.insert(row, sealed: try sealer.seal(key.value, in: row, of: try binding(rows)))
            head = try record(Self.keepAction, &head, change, rows)
            kept.append(key.id)
        }
        return kept
    }

    func keptKeys(_ rows: TokenRows) throws(TokenError) -> [KeptKey] {
        guard let head = try trustedHead(of: Self.keysName, rows) else { return [] }
        let versions = try rows.versions(of: Self.keysName, limit: Self.maximumKept + 1)
        guard versions.count == Int(head.latest) else {
            throw Self.tampered(Self.keysName, "a key that was kept for the audit is gone")
        }
        var kept: [KeptKey] = []
        for version in versions {
            guard let (row, sealed) = try rows.version(version, of: Self.keysName) else { continue }
            let value = try sealer.open(sealed, in: row, of: try binding(rows))
            try refuseEnded(SealedValue.keyID(of: sealed), Self.keysName, rows)
            guard let key = KeptKey(value) else {
                throw Self.tampered(Self.keysName, "what was kept for the audit is no key")
            }
            kept.append(key)
        }
        return kept
    }
}
