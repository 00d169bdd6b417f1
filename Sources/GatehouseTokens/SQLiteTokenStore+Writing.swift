package import GatehouseCore
internal import SQLiteClient

extension SQLiteTokenStore {
    package func set(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try add(.set, name, value, change)
    }

    package func rotate(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try add(.rotate, name, value, change)
    }

    package func rollback(_ name: TokenName, _ change: TokenChange) async throws(TokenError) -> TokenSummary {
        let (token, head) = try changing { database throws(TokenError) in
            guard var head = try trustedHead(of: name.text, database), head.current > 0 else { throw .notFound(name) }
            let current = try self.token(name.text, head.current, database)
            guard let predecessor = current.row.predecessor else {
                throw TokenError(.versionNotFound, "the token '\(name)' has no version before \(head.current)")
            }
            // Opened before it is made current: going back to one that does not open would help nobody.
            let token = try self.token(name.text, predecessor, database)
            head.current = predecessor
            return (token, try record(.rollback, &head, change, database))
        }
        seen[name.text] = head.revision
        return summary(name, token)
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        let head = try changing { database throws(TokenError) in
            let trusted: TokenHead?
            do throws(TokenError) {
                trusted = try trustedHead(of: name.text, database)
            } catch {
                guard error.code == .tampered || error.code == .keyUnknown else { throw error }
                return try discard(name.text, change, database)
            }
            guard var head = trusted, head.current > 0 else { throw .notFound(name) }
            head.current = 0
            try removeVersions(name.text, database)
            return try record(.delete, &head, change, database)
        }
        seen[name.text] = head.revision
        // Old pages of a destroyed version are in the log too. A reader may keep it busy: the next checkpoint empties it then.
        try? database().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    // MARK: -

    private func add(
        _ action: TokenEvent.Action,
        _ name: TokenName,
        _ secret: Secret,
        _ change: TokenChange
    ) throws(TokenError) -> TokenSummary {
        // Judged before the store is opened, again with its version below.
        do throws(InvalidValue) { _ = try TokenValue(validating: secret, version: 1) } catch {
            throw TokenError(.invalidValue, error.message, hint: error.suggestion, underlying: error)
        }
        let (row, head) = try changing { database throws(TokenError) in
            let now = clock.now().microseconds
            var head =
                try trustedHead(of: name.text, database)
                ?? TokenHead(name: name.text, current: 0, latest: 0, revision: 0, changedAt: now)
            guard head.current > 0 || action == .set else { throw .notFound(name) }
            guard head.latest < Self.lastNumber else {
                throw TokenError(.limit, "the token '\(name)' has no version number left")
            }
            let row = SealedRow(
                name: name.text,
                version: head.latest + 1,
                predecessor: head.current > 0 ? head.current : nil,
                createdAt: now,
                expiresAt: change.expiresAt?.microseconds,
                actor: change.actor,
                note: change.note
            )
            let sealed = try sealer.seal(secret, in: row)
            let tokens = try sql { () throws(SQLiteError) in try database.number("SELECT count(*) FROM token_heads") }
            guard head.revision > 0 || tokens < Self.maximumTokens else {
                throw TokenError(
                    .limit,
                    "the store holds \(Self.maximumTokens) tokens, deleted ones included, and takes no more"
                )
            }
            try sql { () throws(SQLiteError) in
                try database.insert(row, sealed: sealed)
                try database.run(
                    "DELETE FROM token_versions WHERE name = ? AND version <= ?",
                    .text(name.text),
                    .integer(row.version - Int64(Self.keptVersions))
                )
            }
            head.current = row.version
            head.latest = row.version
            return (row, try record(action, &head, change, database))
        }
        seen[name.text] = head.revision
        do throws(InvalidValue) {
            return summary(name, (row, try TokenValue(validating: secret, version: Int(row.version))))
        } catch {
            preconditionFailure("a value that was valid before it was stored is valid after")
        }
    }

    /// Writes the head with its next revision, and the change that led to it.
    private func record(
        _ action: TokenEvent.Action,
        _ head: inout TokenHead,
        _ change: TokenChange,
        _ database: SQLiteConnection
    ) throws(TokenError) -> TokenHead {
        guard head.revision < Self.lastNumber else {
            throw TokenError(.limit, "the token '\(head.name)' has no revision left")
        }
        head.revision += 1
        head.changedAt = clock.now().microseconds
        let event = EventRecord(
            name: head.name,
            revision: head.revision,
            action: action.rawValue,
            version: head.current,
            at: head.changedAt,
            actor: change.actor,
            note: change.note
        )
        try sql { () throws(SQLiteError) in
            try database.insert(event, seal: attestation.seal(event))
            try database.replace(head, seal: attestation.seal(head))
        }
        return head
    }

    /// Deletes a token whose records cannot be trusted. Its numbers go on above every one found, so that neither a version nor a revision is
    /// used twice and other running processes see it move forward.
    private func discard(
        _ name: String,
        _ change: TokenChange,
        _ database: SQLiteConnection
    ) throws(TokenError) -> TokenHead {
        var head = TokenHead(name: name, current: 0, latest: 0, revision: 0, changedAt: 0)
        try sql { () throws(SQLiteError) in
            let found = try database.head(of: name)?.head
            let events = try database.number(
                "SELECT coalesce(max(revision), 0) FROM token_events WHERE name = ?",
                [.text(name)]
            )
            let versions = max(try database.latestVersion(of: name), found?.latest ?? 0)
            // Numbers that nobody vouches for; one near the end of the range would leave no room.
            head.latest = min(max(0, versions), Self.lastNumber / 2)
            head.revision = min(max(0, events, found?.revision ?? 0, seen[name] ?? 0), Self.lastNumber / 2)
            try database.run("DELETE FROM token_events WHERE name = ?", .text(name))
        }
        try removeVersions(name, database)
        return try record(.delete, &head, change, database)
    }

    private func removeVersions(_ name: String, _ database: SQLiteConnection) throws(TokenError) {
        _ = try sql { () throws(SQLiteError) in
            try database.run("DELETE FROM token_versions WHERE name = ?", .text(name))
        }
    }

    /// The highest version and revision: JSON numbers are exact up to 2^53.
    private static var lastNumber: Int64 { 1 << 53 }
}
