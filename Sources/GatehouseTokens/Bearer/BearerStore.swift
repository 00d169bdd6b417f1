package import GatehouseCore
internal import Glibc
internal import SQLiteClient

/// Break-glass credentials in a SQLite file, which they may share with tokens and audit rows. Only a digest of each is kept, and each
/// row is sealed under the instance's keys.
///
/// A user who can write to the file but has no key can neither add a credential nor change one: such a row is ``BearerSummary/Status/untrusted``.
/// They can delete one, and put a row back as it was before it was revoked. A process that has seen the revocation refuses it all the same;
/// one that starts afterwards does not notice, until the credential ends by itself.
package actor BearerStore {
    /// How long a credential lasts when nothing is said.
    package static let defaultLifetime: Duration = .seconds(4 * 3600)
    /// Bounds of that: an outage of Access that lasts longer deserves a new decision.
    package static let lifetimeRange: ClosedRange<Duration> = .seconds(60)...(.seconds(7 * 86_400))
    /// How far in the future one may have been issued, for clocks that differ or were set back.
    package static let clockSkew: Duration = .seconds(300)
    /// Credentials alive at once; one more is refused `limit`.
    package static let maximumLive = 64
    /// Ended ones that are kept for `list`; beyond it the oldest is forgotten.
    package static let keptEnded = 1000
    /// How long an expired one is still known to requests, so that its bearer learns that it expired and not that it is unknown.
    package static let remembered: Duration = .seconds(86_400)

    package nonisolated let path: String

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let executor = BlockingExecutor(label: "gatehouse.bearers")

    /// Called whenever rows are judged: a key may end while the process runs.
    private let currentKeys: @Sendable () -> PurposeKeys
    let clock: any WallClock
    private var connection: SQLiteConnection?
    private var connectionsMade = 0
    /// Revoked ones that this process has seen, until they would have ended anyway.
    var revoked: [String: Int64] = [:]

    /// Opens nothing yet.
    package init(
        path: String,
        keys: @autoclosure @escaping @Sendable () -> PurposeKeys,
        clock: any WallClock = SystemClock()
    ) {
        self.path = path
        currentKeys = keys
        self.clock = clock
    }

    var keys: PurposeKeys { currentKeys() }

    /// Makes a credential and returns the only copy of it.
    ///
    /// - Parameter change: who does it, and a note. Its `expiresAt` is the end of the credential.
    /// - Throws: ``TokenError`` `invalidValue` for no route or a lifetime out of ``lifetimeRange``, `limit` when a live one has that
    ///   name or there are too many, `unavailable` when the file cannot be written.
    package func issue(
        _ name: TokenName,
        for routes: Set<RouteName>,
        lasting lifetime: Duration,
        _ change: TokenChange
    ) throws(TokenError) -> (text: BearerText, summary: BearerSummary) {
        guard !routes.isEmpty else { throw TokenError(.invalidValue, "a bearer names the routes that it opens") }
        guard Self.lifetimeRange.contains(lifetime) else {
            throw TokenError(.invalidValue, "a bearer lasts from a minute to seven days")
        }
        let text = BearerText.generate()
        let now = clock.now()
        let digest = text.digest
        let record = BearerRecord(
            id: digest.id,
            name: name.text,
            digest: digest.bytes,
            routes: routes.sorted().map(\.text).joined(separator: ","),
            issuedAt: now.microseconds,
            expiresAt: (now + lifetime).microseconds,
            issuedBy: change.actor,
            note: change.note,
            revokedAt: nil,
            revokedBy: ""
        )
        let database = try database(creating: true)
        try database.transaction({ wrap($0) }) { () throws(TokenError) in
            let keys = keys
            let live = try records(database).filter { isTrusted($0, now, keys) && $0.record.isLive(at: now) }
            guard !live.contains(where: { $0.record.name == name.text }) else {
                throw TokenError(
                    .limit,
                    "a bearer '\(name)' is alive already",
                    hint: "gatehouse bearer revoke \(name), or take another name"
                )
            }
            guard live.count < Self.maximumLive else {
                throw TokenError(.limit, "\(Self.maximumLive) bearers are alive, and no more are made")
            }
            try sql { () throws(SQLiteError) in
                try database.insert(record, seal: record.sealed(under: keys))
                try database.forgetEnded(at: now.microseconds, keeping: Self.keptEnded)
            }
        }
        return (text, summary(record, isTrusted: true, now))
    }

    /// Ends a live credential now, by its name or its id. An untrusted row of that name or id is deleted.
    ///
    /// - Throws: ``TokenError`` `notFound` when none is alive.
    package func revoke(_ nameOrID: String, _ change: TokenChange) throws(TokenError) -> [BearerSummary] {
        guard let database = try existing() else { throw Self.notFound(nameOrID) }
        let now = clock.now()
        let keys = keys
        let ended = try database.transaction({ wrap($0) }) { () throws(TokenError) in
            var ended: [BearerRecord] = []
            for row in try records(database) where row.record.name == nameOrID || row.record.id == nameOrID {
                guard isTrusted(row, now, keys) else {
                    try sql { () throws(SQLiteError) in try database.delete(bearer: row.record.id) }
                    ended.append(row.record)
                    continue
                }
                guard row.record.isLive(at: now) else { continue }
                var record = row.record
                record.revokedAt = now.microseconds
                record.revokedBy = change.actor
                let seal = record.sealed(under: keys)
                try sql { () throws(SQLiteError) in try database.replace(record, seal: seal) }
                ended.append(record)
            }
            guard !ended.isEmpty else { throw Self.notFound(nameOrID) }
            return ended
        }
        for record in ended { revoked[record.id] = record.expiresAt }
        return ended.map { summary($0, isTrusted: true, now) }
    }

    /// Seals every live credential under the first key, before the others end.
    ///
    /// - Returns: how many were under another key.
    package func reseal() throws(TokenError) -> Int {
        guard let database = try existing() else { return 0 }
        let (now, keys) = (clock.now(), keys)
        return try database.transaction({ wrap($0) }) { () throws(TokenError) in
            var count = 0
            for row in try records(database) where isTrusted(row, now, keys) && row.record.isLive(at: now) {
                let seal = row.record.sealed(under: keys)
                guard seal != row.seal else { continue }
                try sql { () throws(SQLiteError) in try database.replace(row.record, seal: seal) }
                count += 1
            }
            return count
        }
    }

    /// All that are kept, the newest first.
    package func list() throws(TokenError) -> [BearerSummary] {
        guard let database = try existing() else { return [] }
        let now = clock.now()
        let keys = keys
        return try records(database).map { summary($0.record, isTrusted: isTrusted($0, now, keys), now) }
    }

    /// The credentials that requests may present.
    ///
    /// - Parameter known: callers made before, by id, so that a stream and the request after it have the same caller.
    package func load(keeping known: [String: KnownBearer]) throws(TokenError) -> BearerSnapshot {
        guard let database = try existing() else { return BearerSnapshot() }
        let now = clock.now()
        revoked = revoked.filter { now.microseconds < $0.value }
        var bearers: [KnownBearer] = []
        let keys = keys
        for row in try records(database) where isTrusted(row, now, keys) {
            let record = row.record
            if record.revokedAt != nil { revoked[record.id] = record.expiresAt }
            guard revoked[record.id] == nil, now < Timestamp(microseconds: record.expiresAt) + Self.remembered,
                let routes = record.routeNames, let digest = BearerDigest(stored: record.digest)
            else { continue }
            bearers.append(
                known[record.id]
                    ?? KnownBearer(
                        digest: digest,
                        caller: Caller(
                            principal: Principal(kind: .bearer, name: record.name, subject: record.id),
                            expiresAt: Timestamp(microseconds: record.expiresAt),
                            keyID: "",
                            routes: routes
                        )
                    )
            )
        }
        return BearerSnapshot(bearers)
    }

    /// Differs from its last value when anyone has written to the file, or put another in its place, or other keys are trusted. Reads shared memory
    /// only.
    package func changeStamp() throws(TokenError) -> Stamp {
        let trusted = keys.all
        guard let database = try existing() else { return Stamp(connection: 0, version: 0, keys: trusted) }
        let version = try sql { () throws(SQLiteError) in try database.dataVersion() }
        return Stamp(connection: connectionsMade, version: version, keys: trusted)
    }

    package struct Stamp: Equatable, Sendable {
        let connection: Int
        let version: Int64
        /// The trusted keys.
        let keys: [Secret]
    }

    // MARK: -

    private func existing() throws(TokenError) -> SQLiteConnection? {
        access(path, F_OK) == 0 ? try database(creating: false) : nil
    }

    private func database(creating: Bool) throws(TokenError) -> SQLiteConnection {
        if let connection, !connection.checkReplaced() { return connection }
        connection = nil
        return try sql { () throws(SQLiteError) in
            let opened = try SQLiteConnection(path: path, access: creating ? .create : .readWrite)
            try opened.migrate("bearers", through: SQLiteConnection.bearerSchema)
            connection = opened
            connectionsMade += 1
            return opened
        }
    }

    private func records(_ database: SQLiteConnection) throws(TokenError) -> [SealedBearer] {
        try sql { () throws(SQLiteError) in try database.bearers() }
    }

    private func isTrusted(_ row: SealedBearer, _ now: Timestamp, _ keys: PurposeKeys) -> Bool {
        row.record.isSealed(by: row.seal, under: keys) && row.record.isBounded(at: now) && row.record.routeNames != nil
            && BearerDigest(stored: row.record.digest)?.id == row.record.id
    }

    private func summary(_ record: BearerRecord, isTrusted: Bool, _ now: Timestamp) -> BearerSummary {
        let isRevoked = record.revokedAt != nil || revoked[record.id] != nil
        let status: BearerSummary.Status =
            !isTrusted ? .untrusted : isRevoked ? .revoked : record.isLive(at: now) ? .live : .expired
        return BearerSummary(
            id: record.id,
            name: record.name,
            routes: record.routeNames?.sorted() ?? [],
            issuedAt: Timestamp(microseconds: record.issuedAt),
            expiresAt: Timestamp(microseconds: record.expiresAt),
            issuedBy: record.issuedBy,
            note: record.note,
            revokedAt: record.revokedAt.map { Timestamp(microseconds: $0) },
            revokedBy: record.revokedBy,
            status: status
        )
    }

    private static func notFound(_ name: String) -> TokenError {
        TokenError(.notFound, "no bearer '\(name)' is alive", hint: "gatehouse bearer list")
    }

    private nonisolated func sql<Result>(_ body: () throws(SQLiteError) -> Result) throws(TokenError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw wrap(error) }
    }

    private nonisolated func wrap(_ error: SQLiteError) -> TokenError { TokenError(error, path: path) }
}
