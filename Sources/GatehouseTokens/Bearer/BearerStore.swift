package import GatehouseCore

/// Break-glass credentials, of which only a digest is kept: rows of a SQLite file for one machine, each sealed under the instance's keys, or a book of the
/// store that keeps state for a fleet, sealed under its master keys.
///
/// A user who can write to the file but has no key can neither add a credential nor change one: such a row is ``BearerSummary/Status/untrusted``.
/// They can delete one, and put a row back as it was before it was revoked. A process that has seen the revocation refuses it all the same;
/// one that starts afterwards does not notice, until the credential ends by itself. Of a book the same is true as of a token, see ``SealedTokenStore``.
package actor BearerStore {
    /// How long a credential lasts when nothing is said.
    package static let defaultLifetime: Duration = .seconds(4 * 3600)
    /// Bounds of that: an outage of Access that lasts longer deserves a new decision.
    package static let lifetimeRange: ClosedRange<Duration> = .seconds(60)...(.seconds(7 * 86_400))
    /// How far in the future one of a file may have been issued, for clocks that differ or were set back. A fleet's are issued by the database's clock.
    package static let clockSkew: Duration = .seconds(300)
    /// Credentials alive at once; one more is refused `limit`.
    package static let maximumLive = 64
    /// Ended ones that are kept in a file for `list`; beyond it the oldest is forgotten.
    package static let keptEnded = 1000
    /// The same of a book, which is written whole with each change.
    package static let keptEndedInBook = 200
    /// How long an expired one is still known to requests, so that its bearer learns that it expired and not that it is unknown.
    package static let remembered: Duration = .seconds(86_400)

    /// How often it is asked whether something changed.
    package nonisolated let pollInterval: Duration

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    private nonisolated let executor = BlockingExecutor(label: "gatehouse.bearers")

    private enum Place {
        case file(BearerFile)
        case state(SealedTokenStore)
    }

    private let place: Place
    /// Called whenever rows are judged: a key may end while the process runs.
    private let currentKeys: @Sendable () -> PurposeKeys
    let clock: any WallClock
    /// The book that was read last.
    private var kept: SealedTokenStore.Kept<BearerBook>?
    /// Revoked ones that this process has seen, until they would have ended anyway.
    var revoked: [String: Int64] = [:]

    /// Opens nothing yet.
    package init(
        path: String,
        keys: @autoclosure @escaping @Sendable () -> PurposeKeys,
        clock: any WallClock = SystemClock()
    ) {
        place = .file(BearerFile(path: path))
        currentKeys = keys
        self.clock = clock
        pollInterval = .milliseconds(500)
    }

    /// The same for a fleet.
    package init(in state: SealedTokenStore, clock: any WallClock = SystemClock()) {
        place = .state(state)
        // The book is sealed whole, under master keys.
        currentKeys = { PurposeKeys(current: Secret([])) }
        self.clock = clock
        pollInterval = .seconds(1)
    }

    // MARK: - Changing

    /// Makes a credential and returns the only copy of it.
    ///
    /// - Parameter change: who does it, and a note. Its `expiresAt` is the end of the credential.
    /// - Throws: ``TokenError`` `invalidValue` for no route or a lifetime out of ``lifetimeRange``, `limit` when a live one has that
    ///   name or there are too many, `unavailable` when the place cannot be written.
    package func issue(
        _ name: TokenName,
        for routes: Set<RouteName>,
        lasting lifetime: Duration,
        _ change: TokenChange
    ) async throws(TokenError) -> (text: BearerText, summary: BearerSummary) {
        guard !routes.isEmpty else { throw TokenError(.invalidValue, "a bearer names the routes that it opens") }
        guard Self.lifetimeRange.contains(lifetime) else {
            throw TokenError(.invalidValue, "a bearer lasts from a minute to seven days")
        }
        let names = routes.sorted().map(\.text).joined(separator: ",")
        guard names.utf8.count <= BearerRecord.maximumRoutes else {
            throw TokenError(.invalidValue, "a bearer names routes in \(BearerRecord.maximumRoutes) bytes at most")
        }
        let text = BearerText.generate()
        let digest = text.digest
        let keptEnded = keptEnded
        let record = try await self.change(by: change.actor, creating: true) { book, now throws(TokenError) in
            let record = BearerRecord(
                id: digest.id,
                name: name.text,
                digest: digest.bytes,
                routes: names,
                issuedAt: now.microseconds,
                expiresAt: (now + lifetime).microseconds,
                issuedBy: change.actor,
                note: change.note,
                revokedAt: nil,
                revokedBy: ""
            )
            try book.issue(record, at: now, keepingEnded: keptEnded)
            return record
        }?.result
        guard let record else { preconditionFailure("the place is made where there is none") }
        return (text, summary(record, isTrusted: true, Timestamp(microseconds: record.issuedAt)))
    }

    /// Ends a live credential now, by its name or its id. An untrusted row of that name or id is deleted.
    ///
    /// - Parameter nameOrID: nil for all of them; a book that cannot be trusted any more is destroyed then.
    /// - Throws: ``TokenError`` `notFound` when none is alive.
    package func revoke(_ nameOrID: String?, _ change: TokenChange) async throws(TokenError) -> [BearerSummary] {
        let isMeant = { @Sendable (record: BearerRecord) in
            nameOrID.map { record.name == $0 || record.id == $0 } ?? true
        }
        var ended: [BearerRecord] = []
        do throws(TokenError) {
            let made = try await self.change(by: change.actor, creating: false, discarding: isMeant) {
                book,
                now throws(TokenError) in
                book.revoke(by: change.actor, at: now, where: isMeant)
            }
            ended = (made?.result ?? []) + (made?.discarded ?? [])
        } catch {
            guard nameOrID == nil, error.code == .tampered || error.code == .keyUnknown, case .state(let store) = place
            else { throw error }
            _ = try await store.destroyBook(.bearers, by: change.actor)
            kept = nil
            return []
        }
        guard !ended.isEmpty else {
            throw TokenError(
                .notFound,
                nameOrID.map { "no bearer '\($0)' is alive" } ?? "no bearer is alive",
                hint: "gatehouse bearer list"
            )
        }
        for record in ended { revoked[record.id] = record.expiresAt }
        let now = clock.now()
        return ended.map { summary($0, isTrusted: true, now) }
    }

    /// Takes over credentials of another place; one that was revoked at either is revoked.
    func take(_ others: [BearerRecord], by actor: String) async throws(TokenError) {
        let keptEnded = keptEnded
        _ = try await change(by: actor, creating: true) { book, now throws(TokenError) in
            try book.take(others, at: now, keepingEnded: keptEnded)
        }
    }

    /// Seals every live credential of a file under the first key, before the others end. Those of a book are re-wrapped with the store's rows.
    ///
    /// - Returns: how many were under another key.
    package func reseal() throws(TokenError) -> Int {
        guard case .file(let file) = place else { return 0 }
        let (now, keys) = (clock.now(), keys)
        return try file.reseal(under: keys) { Self.isTrusted($0, now, keys) && $0.record.isLive(at: now) }
    }

    private func change<Result: Sendable>(
        by actor: String,
        creating: Bool,
        discarding: (BearerRecord) -> Bool = { _ in false },
        _ body: @escaping @Sendable (inout BearerBook, Timestamp) throws(TokenError) -> Result
    ) async throws(TokenError) -> (result: Result, discarded: [BearerRecord])? {
        switch place {
        case .file(let file):
            let (now, keys) = (clock.now(), keys)
            return try file.change(
                creating: creating,
                under: keys,
                isTrusted: { Self.isTrusted($0, now, keys) },
                discarding: discarding
            ) { book throws(TokenError) in try body(&book, now) }
        case .state(let store):
            let (result, kept) = try await store.changeBook(.bearers, by: actor, body)
            self.kept = kept
            return (result, [])
        }
    }

    private var keptEnded: Int {
        if case .state = place { Self.keptEndedInBook } else { Self.keptEnded }
    }

    // MARK: - Reading

    /// All that are kept, the newest first.
    package func list() async throws(TokenError) -> [BearerSummary] {
        let now = clock.now()
        return try await records().map { summary($0.record, isTrusted: $0.isTrusted, now) }
    }

    /// Those that count, with everything that is kept of them.
    func trusted() async throws(TokenError) -> [BearerRecord] {
        try await records().filter(\.isTrusted).map(\.record)
    }

    /// The credentials that requests may present.
    ///
    /// - Parameter known: callers made before, by id, so that a stream and the request after it have the same caller.
    package func load(keeping known: [String: KnownBearer]) async throws(TokenError) -> BearerSnapshot {
        let now = clock.now()
        let records = try await trusted()
        revoked = revoked.filter { now.microseconds < $0.value }
        var bearers: [KnownBearer] = []
        for record in records {
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

    private func records() async throws(TokenError) -> [(record: BearerRecord, isTrusted: Bool)] {
        switch place {
        case .file(let file):
            let (now, keys) = (clock.now(), keys)
            return try file.rows().map { ($0.record, Self.isTrusted($0, now, keys)) }
        case .state(let store):
            if let read: SealedTokenStore.Kept<BearerBook> = try await store.book(.bearers, beyond: kept?.revision) {
                kept = read
            }
            return (kept?.book.records ?? []).map { ($0, Self.isWellFormed($0)) }
        }
    }

    /// Differs from its last value when anyone has written to the place, or put another in its stead, or other keys are trusted. Cheap enough to be read
    /// each ``pollInterval``.
    package func changeStamp() async throws(TokenError) -> Stamp {
        switch place {
        case .file(let file):
            let (connection, version) = try file.stamp()
            return Stamp(connection: connection, version: version, keys: keys.all, state: nil)
        case .state(let store):
            return Stamp(connection: 0, version: 0, keys: [], state: try await store.changeStamp())
        }
    }

    package struct Stamp: Equatable, Sendable {
        let connection: Int
        let version: Int64
        /// The trusted keys.
        let keys: [Secret]
        let state: TokenChangeStamp?
    }

    // MARK: -

    private var keys: PurposeKeys { currentKeys() }

    private static func isTrusted(_ row: SealedBearer, _ now: Timestamp, _ keys: PurposeKeys) -> Bool {
        row.record.isSealed(by: row.seal, under: keys) && row.record.isBounded(at: now) && isWellFormed(row.record)
    }

    private static func isWellFormed(_ record: BearerRecord) -> Bool {
        record.hasBoundedLifetime && record.routeNames != nil
            && BearerDigest(stored: record.digest)?.id == record.id
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
}
