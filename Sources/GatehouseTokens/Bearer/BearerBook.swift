internal import GatehouseCore

/// The credentials that are kept, as a value: those that live, and the last that ended. Whoever stores it vouches for it.
struct BearerBook: Equatable {
    /// The newest first.
    var records: [BearerRecord] = []

    init() {}
    init(_ records: [BearerRecord]) { self.records = records.sorted(by: Self.isNewer) }

    private static func isNewer(_ one: BearerRecord, _ other: BearerRecord) -> Bool {
        one.issuedAt == other.issuedAt ? one.id < other.id : one.issuedAt > other.issuedAt
    }

    /// Adds a credential, and forgets those that ended first, beyond `kept` of them.
    ///
    /// - Throws: ``TokenError`` `limit` when a live one has that name or there are too many.
    mutating func issue(_ record: BearerRecord, at now: Timestamp, keepingEnded kept: Int) throws(TokenError) {
        let live = records.filter { $0.isLive(at: now) }
        guard !live.contains(where: { $0.name == record.name }) else {
            throw TokenError(
                .limit,
                "a bearer '\(record.name)' is alive already",
                hint: "gatehouse bearer revoke \(record.name), or take another name"
            )
        }
        guard live.count < BearerStore.maximumLive else {
            throw TokenError(.limit, "\(BearerStore.maximumLive) bearers are alive, and no more are made")
        }
        self = BearerBook(records + [record])
        forgetEnded(at: now, keeping: kept)
    }

    /// Ends the live ones that are meant.
    ///
    /// - Parameter isMeant: nil for all of them.
    mutating func revoke(
        by actor: String,
        at now: Timestamp,
        where isMeant: ((BearerRecord) -> Bool)? = nil
    ) -> [BearerRecord] {
        var ended: [BearerRecord] = []
        for index in records.indices where records[index].isLive(at: now) && isMeant?(records[index]) ?? true {
            records[index].revokedAt = now.microseconds
            records[index].revokedBy = actor
            ended.append(records[index])
        }
        return ended
    }

    /// Takes over credentials of another place. One that was revoked at either is revoked.
    ///
    /// - Throws: ``TokenError`` `limit` when too many would live.
    mutating func take(_ others: [BearerRecord], at now: Timestamp, keepingEnded kept: Int) throws(TokenError) {
        var known = Dictionary(records.map { ($0.id, $0) }) { first, _ in first }
        for other in others where known[other.id] == nil || known[other.id]?.revokedAt == nil && other.revokedAt != nil
        {
            known[other.id] = other
        }
        self = BearerBook(Array(known.values))
        guard records.count(where: { $0.isLive(at: now) }) <= BearerStore.maximumLive else {
            throw TokenError(.limit, "more than \(BearerStore.maximumLive) bearers would be alive")
        }
        forgetEnded(at: now, keeping: kept)
    }

    private mutating func forgetEnded(at now: Timestamp, keeping count: Int) {
        let ended = records.filter { !$0.isLive(at: now) }.sorted { one, other in
            let ends = (one.revokedAt ?? one.expiresAt, other.revokedAt ?? other.expiresAt)
            return ends.0 == ends.1 ? one.id < other.id : ends.0 > ends.1
        }
        let forgotten = Set(ended.dropFirst(count).map(\.id))
        if !forgotten.isEmpty { records.removeAll { forgotten.contains($0.id) } }
    }
}

/// For each credential: its id, its name, its digest, its routes, when it was issued and ends, who issued it and why, and whether, when and by whom it
/// was revoked.
extension BearerBook: KeptBook {
    private static let format: UInt8 = 1
    /// Bytes of the longest one: of each live credential the longest list of routes, and as much again for those that ended.
    static let maximumLength = 2 * BearerStore.maximumLive * (BearerRecord.maximumRoutes + 4096)

    var encoded: [UInt8] {
        var writer = BookWriter(format: Self.format)
        for record in records {
            writer.text(record.id)
            writer.text(record.name)
            writer.text(record.digest)
            writer.text(record.routes)
            writer.integer(record.issuedAt)
            writer.integer(record.expiresAt)
            writer.text(record.issuedBy)
            writer.text(record.note)
            writer.bytes.append(record.revokedAt == nil ? 0 : 1)
            writer.integer(record.revokedAt ?? 0)
            writer.text(record.revokedBy)
        }
        return writer.bytes
    }

    init?(decoding bytes: UnsafeRawBufferPointer) {
        guard var reader = BookReader(bytes, format: Self.format) else { return nil }
        while !reader.isAtEnd {
            guard let id = reader.string(), let name = reader.string(), let digest = reader.text(),
                let routes = reader.string(), let issuedAt = reader.integer(), let expiresAt = reader.integer(),
                let issuedBy = reader.string(), let note = reader.string(), let isRevoked = reader.byte(),
                let revokedAt = reader.integer(), let revokedBy = reader.string(), isRevoked < 2
            else { return nil }
            records.append(
                BearerRecord(
                    id: id,
                    name: name,
                    digest: Array(digest),
                    routes: routes,
                    issuedAt: issuedAt,
                    expiresAt: expiresAt,
                    issuedBy: issuedBy,
                    note: note,
                    revokedAt: isRevoked == 1 ? revokedAt : nil,
                    revokedBy: revokedBy
                )
            )
        }
    }
}
