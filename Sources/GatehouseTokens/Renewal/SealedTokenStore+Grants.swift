internal import GatehouseCore

/// Grants stand in the tables of tokens, under names that no token can have: sealed, bound to their store and to their owner, versioned and re-wrapped
/// like them. A lease is a change of such a row, so a process that dies holding one leaves what it had begun to see.
extension SealedTokenStore {
    /// How long one renewal may take. Beyond it another process may try.
    package static let leaseTime: Duration = .seconds(30)
    /// Versions kept of a grant: an older refresh token would end its family.
    static let keptGrants: Int64 = 2
    /// Changes kept of a grant.
    static let keptGrantEvents: Int64 = 64
    /// Leases without an end that are counted.
    static let countedLeases = 8
    private static let leaseAction = "lease"
    private static let releaseAction = "release"
    private static let renewAction = "renew"
    private static let importAction = "import"

    /// Every grant that is kept.
    ///
    /// - Parameter known: the revisions of what was read before: what still has its revision is not read again.
    package func grants(beyond known: [GrantKey: Int64] = [:]) async throws(TokenError) -> GrantLoad {
        try await read { rows throws(TokenError) in
            let heads = try grantHeads(rows)
            var load = read(heads.lazy.filter { known[$0.key] != $0.revision }.map(\.key), rows)
            for (key, revision) in heads where load.problems[key] == nil { load.revisions[key] = revision }
            for key in known.keys where load.revisions[key] == nil && load.problems[key] == nil {
                load.problems[key] = Self.tampered(key.description, "its head is gone")
            }
            return load
        }
    }

    /// The grants that belong to nobody: of many people's, none is read.
    package func sharedGrants() async throws(TokenError) -> GrantLoad {
        try await read { rows throws(TokenError) in
            read(try grantHeads(rows).lazy.map(\.key).filter { $0.owner == nil }, rows)
        }
    }

    /// Some grants, in one reading.
    package func grants(of keys: [GrantKey]) async throws(TokenError) -> GrantLoad {
        try await read { rows in read(keys, rows) }
    }

    private func read(_ body: @escaping @Sendable (TokenRows) throws(TokenError) -> GrantLoad) async throws(TokenError)
        -> GrantLoad
    {
        try await database.use(.reading) { rows throws(TokenError) in
            _ = try binding(rows)
            _ = try ends(rows)
            return try body(rows)
        }
    }

    private func grantHeads(_ rows: TokenRows) throws(TokenError) -> [(key: GrantKey, revision: Int64)] {
        try rows.grantHeads().compactMap { name, revision in GrantKey(rowName: name).map { ($0, revision) } }
    }

    private func read(_ keys: some Sequence<GrantKey>, _ rows: TokenRows) -> GrantLoad {
        var load = GrantLoad()
        for key in keys {
            do throws(TokenError) { load.grants[key] = try record(key, rows) } catch { load.problems[key] = error }
        }
        return load
    }

    /// Takes the right to renew a grant. Who holds it already may take it again.
    ///
    /// - Parameter holder: who takes it: unlike every other process that shares the store, one that was started anew included.
    package func lease(_ key: GrantKey, by holder: String) async throws(TokenError) -> LeaseOutcome {
        let (outcome, revision) = try await database.use(.changing) {
            rows throws(TokenError) -> (LeaseOutcome, Int64) in
            try bindIfNew(by: holder, rows)
            let now = try rows.sql.now() ?? clock.now().microseconds
            var head = try head(of: key, rows)
            let open = try rows.events(of: key.rowName, limit: Self.countedLeases)
                .prefix { $0.event.action == Self.leaseAction }.map(\.event)
            if let newest = open.first, newest.actor != holder, let end = Int64(newest.note), now < end,
                // One that ends later than any may was written by a clock that was wrong.
                end <= now.addingClamped(Self.leaseTime.microseconds)
            {
                return (.held, head.revision)
            }
            let kept = head.current > 0 ? try grant(key, head.current, rows) : nil
            let end = now.addingClamped(Self.leaseTime.microseconds)
            head = try change(Self.leaseAction, &head, holder, note: "\(end)", rows)
            let lease = GrantLease(
                key: key,
                kept: kept,
                version: Int(head.current),
                unfinished: open.count { $0.actor != holder },
                revision: head.revision
            )
            return (.taken(lease), head.revision)
        }
        seen.saw(key.rowName, at: revision)
        return outcome
    }

    /// Keeps what the holder of a lease was given, and ends the lease. Once it returns, it is durable.
    ///
    /// - Returns: the version.
    /// - Throws: ``TokenError`` `superseded` when another process has taken the lease meanwhile.
    package func keep(_ grant: KeptGrant, under lease: GrantLease, by holder: String) async throws(TokenError) -> Int {
        let (version, revision) = try await database.use(.changing) { rows throws(TokenError) -> (Int64, Int64) in
            let head = try held(lease, rows)
            return try put(grant, head, Self.renewAction, holder, rows)
        }
        seen.saw(lease.key.rowName, at: revision)
        await database.swept()
        return Int(version)
    }

    /// Ends a lease that came to nothing, so that nobody takes it for one whose holder died.
    ///
    /// - Parameter why: for who lists the tokens; without a secret.
    package func release(_ lease: GrantLease, by holder: String, why: String) async throws(TokenError) {
        let revision = try await database.use(.changing) { rows throws(TokenError) -> Int64 in
            var head = try held(lease, rows)
            return try change(Self.releaseAction, &head, holder, note: why, rows).revision
        }
        seen.saw(lease.key.rowName, at: revision)
    }

    /// Puts the grant of another store into this one, whatever is here.
    ///
    /// - Returns: the version; that of the present one where it is the same.
    package func take(_ grant: KeptGrant, as key: GrantKey, by actor: String) async throws(TokenError) -> Int {
        let (version, revision) = try await database.use(.changing) { rows throws(TokenError) -> (Int64, Int64) in
            try bindIfNew(by: actor, rows)
            let head = try head(of: key, rows)
            if head.current > 0, try self.grant(key, head.current, rows).payload == grant.payload {
                return (head.current, head.revision)
            }
            return try put(grant, head, Self.importAction, actor, rows)
        }
        seen.saw(key.rowName, at: revision)
        return Int(version)
    }

    /// Destroys a grant, also one that no longer opens. Nothing when there is none.
    package func deleteGrant(_ key: GrantKey, by actor: String) async throws(TokenError) {
        try await destroy(key.rowName, try TokenChange(actor: actor))
    }

    // MARK: -

    private func put(
        _ grant: KeptGrant,
        _ head: consuming TokenHead,
        _ action: String,
        _ actor: String,
        _ rows: TokenRows
    ) throws(TokenError) -> (version: Int64, revision: Int64) {
        let expiry: Timestamp? = if case .usable(let grant) = grant { grant.expiresAt } else { nil }
        let row = SealedRow(
            name: head.name,
            version: head.latest + 1,
            predecessor: head.current > 0 ? head.current : nil,
            createdAt: clock.now().microseconds,
            expiresAt: expiry?.microseconds,
            actor: actor,
            note: ""
        )
        try rows.insert(row, sealed: try sealer.seal(grant.payload, in: row, of: try binding(rows)))
        try rows.removeVersions(of: row.name, through: row.version - Self.keptGrants)
        head.current = row.version
        head.latest = row.version
        let changed = try change(action, &head, actor, note: "", rows)
        return (row.version, changed.revision)
    }

    /// A change of a grant, after which the oldest ones go.
    private func change(
        _ action: String,
        _ head: inout TokenHead,
        _ actor: String,
        note: String,
        _ rows: TokenRows
    ) throws(TokenError) -> TokenHead {
        let plain = String(
            decoding: note.utf8.prefix(TokenChange.maximumLength).filter { 0x20...0x7E ~= $0 },
            as: UTF8.self
        )
        head = try record(action, &head, try TokenChange(actor: actor, note: plain), rows)
        try rows.removeEvents(of: head.name, through: head.revision - Self.keptGrantEvents)
        return head
    }

    /// The head of a grant, or of one that begins, for which there has to be room.
    private func head(of key: GrantKey, _ rows: TokenRows) throws(TokenError) -> TokenHead {
        if let found = try trustedHead(of: key.rowName, rows) { return found }
        guard try rows.grantHeads().count < Self.maximumGrants else {
            throw TokenError(.limit, "the store holds \(Self.maximumGrants) grants and takes no more")
        }
        return TokenHead(name: key.rowName)
    }

    private func held(_ lease: GrantLease, _ rows: TokenRows) throws(TokenError) -> TokenHead {
        guard let head = try trustedHead(of: lease.key.rowName, rows), head.revision == lease.revision else {
            throw TokenError(.superseded, "another process renews the token '\(lease.key)'")
        }
        return head
    }

    private func record(_ key: GrantKey, _ rows: TokenRows) throws(TokenError) -> GrantRecord? {
        guard let head = try trustedHead(of: key.rowName, rows), head.current > 0 else { return nil }
        let kept = try grant(key, head.current, rows)
        // The newest change may be a lease: what came before it is what is known.
        let last = try rows.events(of: key.rowName, limit: 2).map(\.event).first { $0.action != Self.leaseAction }
        let failed = last.flatMap { $0.action == Self.releaseAction && !$0.note.isEmpty ? $0 : nil }
        return GrantRecord(
            kept: kept,
            version: Int(head.current),
            failure: failed?.note
        )
    }

    private func grant(_ key: GrantKey, _ version: Int64, _ rows: TokenRows) throws(TokenError) -> KeptGrant {
        guard let (row, sealed) = try rows.version(version, of: key.rowName) else {
            throw Self.tampered(key.description, "its grant is gone")
        }
        let secret = try sealer.open(sealed, in: row, of: try binding(rows))
        try refuseEnded(SealedValue.keyID(of: sealed), key.rowName, rows)
        guard let grant = KeptGrant(payload: secret) else {
            throw TokenError(.schemaTooNew, "the grant of the token '\(key)' is written by a newer release")
        }
        return grant
    }
}
