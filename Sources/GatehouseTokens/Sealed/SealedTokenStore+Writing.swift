package import GatehouseCore

extension SealedTokenStore {
    package func set(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try await add(.set, name, value, change)
    }

    package func rotate(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try await add(.rotate, name, value, change)
    }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        let (token, head) = try await database.use(.changing) { rows throws(TokenError) in
            // Opened before it is made current: going back to one that does not open would help nobody.
            var (token, head) = try predecessor(of: name, version, rows)
            head.current = token.row.version
            return (token, try record(.rollback, &head, change, rows))
        }
        seen.saw(name.text, at: head.revision)
        return summary(name, token)
    }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        try await database.use(.reading) { rows throws(TokenError) in
            try predecessor(of: name, version, rows).token.value
        }
    }

    private func predecessor(
        of name: TokenName,
        _ version: Int?,
        _ rows: TokenRows
    ) throws(TokenError) -> (token: (row: SealedRow, value: TokenValue), head: TokenHead) {
        guard let head = try trustedHead(of: name.text, rows), head.current > 0 else { throw .notFound(name) }
        guard version.map({ Int64($0) == head.current }) ?? true else { throw .superseded(name, Int(head.current)) }
        let current = try token(name.text, head.current, rows)
        guard let predecessor = current.row.predecessor else {
            throw TokenError(.versionNotFound, "the token '\(name)' has no version before \(head.current)")
        }
        return (try token(name.text, predecessor, rows), head)
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        guard try await destroy(name.text, change) else { throw .notFound(name) }
    }

    /// Destroys every version under a name, whether or not its records can be trusted.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func destroy(_ name: String, _ change: TokenChange) async throws(TokenError) -> Bool {
        let head = try await database.use(.changing) { rows throws(TokenError) -> TokenHead? in
            let trusted: TokenHead?
            do throws(TokenError) {
                trusted = try trustedHead(of: name, rows)
            } catch {
                guard error.code == .tampered || error.code == .keyUnknown else { throw error }
                return try discard(name, change, rows)
            }
            guard var head = trusted, head.current > 0 else { return nil }
            head.current = 0
            try rows.removeVersions(of: name)
            return try record(.delete, &head, change, rows)
        }
        guard let head else { return false }
        seen.saw(name, at: head.revision)
        await database.swept()
        return true
    }

    // MARK: -

    private func add(
        _ action: TokenEvent.Action,
        _ name: TokenName,
        _ secret: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        // Judged before the store is opened, again with its version below.
        do throws(InvalidValue) { _ = try TokenValue(validating: secret, version: 1) } catch {
            throw TokenError(.invalidValue, error.message, hint: error.suggestion, underlying: error)
        }
        let (row, head) = try await database.use(.changing) { rows throws(TokenError) in
            let now = clock.now().microseconds
            try bindIfNew(by: change.actor, rows)
            var head =
                try trustedHead(of: name.text, rows)
                ?? TokenHead(name: name.text, changedAt: now)
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
            let sealed = try sealer.seal(secret, in: row, of: try binding(rows))
            let tokens = try rows.count()
            guard head.revision > 0 || tokens < Self.maximumTokens else {
                throw TokenError(
                    .limit,
                    "the store holds \(Self.maximumTokens) tokens, deleted ones included, and takes no more"
                )
            }
            try rows.insert(row, sealed: sealed)
            try rows.removeVersions(of: name.text, through: row.version - Int64(Self.keptVersions))
            head.current = row.version
            head.latest = row.version
            return (row, try record(action, &head, change, rows))
        }
        seen.saw(name.text, at: head.revision)
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
        _ rows: TokenRows
    ) throws(TokenError) -> TokenHead {
        try record(action.rawValue, &head, change, rows)
    }

    func record(
        _ action: String,
        _ head: inout TokenHead,
        _ change: TokenChange,
        _ rows: TokenRows
    ) throws(TokenError) -> TokenHead {
        guard head.revision < Self.lastNumber else {
            throw TokenError(.limit, "the token '\(head.name)' has no revision left")
        }
        try refuseEndedFirst(rows)
        head.revision += 1
        head.changedAt = clock.now().microseconds
        let event = EventRecord(
            name: head.name,
            revision: head.revision,
            action: action,
            version: head.current,
            at: head.changedAt,
            actor: change.actor,
            note: change.note
        )
        let store = try binding(of: head.name, rows)
        try rows.insert(event, seal: attestation.seal(event, of: store))
        try rows.replace(head, seal: attestation.seal(head, of: store))
        return head
    }

    /// Deletes a token whose records cannot be trusted. Its numbers go on above every one found, so that neither a version nor a revision is
    /// used twice and other running processes see it move forward.
    private func discard(
        _ name: String,
        _ change: TokenChange,
        _ rows: TokenRows
    ) throws(TokenError) -> TokenHead {
        var head = TokenHead(name: name)
        let found = try rows.head(of: name)?.head
        let versions = max(try rows.latestVersion(of: name), found?.latest ?? 0)
        let revisions = max(try rows.latestRevision(of: name), found?.revision ?? 0, seen[name] ?? 0)
        // These numbers are not authenticated; one near the end of the range would leave no room.
        head.latest = min(max(0, versions), Self.lastNumber / 2)
        head.revision = min(max(0, revisions), Self.lastNumber / 2)
        try rows.removeEvents(of: name)
        try rows.removeVersions(of: name)
        return try record(.delete, &head, change, rows)
    }

    /// The highest version and revision: JSON numbers are exact up to 2^53.
    private static var lastNumber: Int64 { 1 << 53 }
}
