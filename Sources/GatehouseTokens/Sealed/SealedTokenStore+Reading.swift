package import GatehouseCore

extension SealedTokenStore {
    package func load() async throws(TokenError) -> TokenLoad {
        var load = try await database.use(.reading) { rows throws(TokenError) in
            // A store that cannot say which it is, and which keys are retired, is not read at all: what was read before goes on.
            _ = try binding(rows)
            _ = try ends(rows)
            var load = TokenLoad()
            for name in try names(rows) {
                do throws(TokenError) {
                    guard let head = try trustedHead(of: name.text, rows), head.current > 0 else { continue }
                    let (row, value) = try token(name.text, head.current, rows)
                    load.tokens[name] = value
                    load.dates[name] = TokenDates(
                        createdAt: Timestamp(microseconds: row.createdAt),
                        expiresAt: row.expiresAt.map { Timestamp(microseconds: $0) }
                    )
                } catch {
                    load.problems.append(TokenProblem(name: name, error: error))
                }
            }
            return load
        }
        load.clock = try await database.clock()
        load.replacedAt = await database.replacedAt
        return load
    }

    package func list() async throws(TokenError) -> [TokenSummary] {
        try await database.use(.reading) { rows throws(TokenError) in
            _ = try binding(rows)
            _ = try ends(rows)
            var list: [TokenSummary] = []
            for name in try names(rows) {
                do throws(TokenError) {
                    guard let head = try trustedHead(of: name.text, rows), head.current > 0 else { continue }
                    list.append(summary(name, try token(name.text, head.current, rows)))
                } catch {
                    list.append(unreadable(name, rows, error))
                }
            }
            return list
        }
    }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        try await database.use(.reading) { rows throws(TokenError) in
            var head: TokenHead?
            var problem: TokenError?
            do throws(TokenError) { head = try trustedHead(of: name.text, rows) } catch { problem = error }
            let records = try rows.events(of: name.text, limit: Self.maximumHistory)
            guard !records.isEmpty else { throw problem ?? .notFound(name) }
            var events: [TokenEvent] = []
            for (record, seal) in records {
                // A problem of the token as a whole is reported at its newest change.
                events.append(event(record, seal, isCurrent: record.revision == head?.revision, problem, rows))
                problem = nil
            }
            return events
        }
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        try await database.use(.reading) { rows throws(TokenError) in
            guard let head = try trustedHead(of: name.text, rows), head.current > 0 else { throw .notFound(name) }
            return try token(name.text, version.map { Int64($0) } ?? head.current, rows).value
        }
    }

    // MARK: - Judging rows

    /// The head of a token after every check that shows that it is the newest one; nil when there never was one.
    func trustedHead(of name: String, _ rows: TokenRows) throws(TokenError) -> TokenHead? {
        let found = try rows.head(of: name)
        // Verified before anything else is read: a forged head costs one statement, and there may be thousands.
        if let (head, seal) = found { try attestation.verify(head, seal, of: try binding(of: name, rows)) }
        let newest = try rows.events(of: name, limit: 1).first
        let latest = try rows.latestVersion(of: name)
        guard let (head, seal) = found else {
            if newest != nil || latest > 0 || seen[name] != nil { throw Self.tampered(name, "its head is gone") }
            return nil
        }
        let store = try binding(of: name, rows)
        try refuseEnded(Attestation.keyID(of: seal, TokenHead.self), name, rows)
        guard let newest else { throw Self.tampered(name, "its last change is gone") }
        try attestation.verify(newest.event, newest.seal, of: store)
        try refuseEnded(Attestation.keyID(of: newest.seal, EventRecord.self), name, rows)
        // An old head has an old revision, and its change may be the newest one only if all later ones were removed.
        guard newest.event.revision == head.revision, newest.event.version == head.current, latest <= head.latest else {
            throw Self.tampered(name, "its head is not the newest one")
        }
        guard head.revision >= seen[name] ?? 0 else {
            throw Self.tampered(name, "it went back from revision \(seen[name] ?? 0) to \(head.revision)")
        }
        seen.saw(name, at: head.revision)
        return head
    }

    /// One version, opened and fit for a header.
    func token(
        _ name: String,
        _ version: Int64,
        _ rows: TokenRows
    ) throws(TokenError) -> (row: SealedRow, value: TokenValue) {
        guard let (row, sealed) = try rows.version(version, of: name) else {
            throw TokenError(.versionNotFound, "the token '\(name)' has no version \(version)")
        }
        let secret = try sealer.open(sealed, in: row, of: try binding(rows))
        try refuseEnded(SealedValue.keyID(of: sealed), name, rows)
        do throws(InvalidValue) {
            return (row, try TokenValue(validating: secret, version: Int(version)))
        } catch {
            throw TokenError(
                .invalidValue,
                "the token '\(name)', version \(version): \(error.message)",
                underlying: error
            )
        }
    }

    func summary(_ name: TokenName, _ token: (row: SealedRow, value: TokenValue)) -> TokenSummary {
        TokenSummary(
            name: name,
            version: token.value.version,
            createdAt: Timestamp(microseconds: token.row.createdAt),
            expiresAt: token.row.expiresAt.map { Timestamp(microseconds: $0) },
            fingerprint: fingerprint(of: token.value),
            actor: token.row.actor,
            note: token.row.note,
            problem: nil
        )
    }

    static func tampered(_ name: String, _ what: String) -> TokenError {
        TokenError(
            .tampered,
            "the token '\(name)' was changed outside Gatehouse: \(what)",
            hint: "delete the token and set it anew, and find out who wrote to the database"
        )
    }

    /// Names that no token can have are not ours, and no route can mean them.
    private func names(_ rows: TokenRows) throws(TokenError) -> [TokenName] {
        // Names seen before are included, so that the loss of all rows of a token is noticed.
        return Set(try rows.names()).union(seen.names).compactMap { try? TokenName(parsing: $0) }.sorted()
    }

    private func fingerprint(of value: TokenValue) -> Fingerprint {
        Fingerprint(of: value.secret, key: sealer.keyring.first.fingerprinting)
    }

    /// The summary of a token that cannot be trusted or opened, from the unverified tables, with the reason.
    private func unreadable(_ name: TokenName, _ rows: TokenRows, _ problem: TokenError) -> TokenSummary {
        let version = (try? rows.head(of: name.text))?.head.current ?? 0
        return TokenSummary(
            name: name,
            version: Int(version),
            createdAt: nil,
            expiresAt: nil,
            fingerprint: nil,
            actor: "",
            note: "",
            problem: problem
        )
    }

    private func event(
        _ record: EventRecord,
        _ seal: [UInt8],
        isCurrent: Bool,
        _ wholeProblem: TokenError?,
        _ rows: TokenRows
    ) -> TokenEvent {
        var problem = wholeProblem
        do throws(TokenError) {
            try attestation.verify(record, seal, of: try binding(rows))
            try refuseEnded(Attestation.keyID(of: seal, EventRecord.self), record.name, rows)
        } catch { problem = problem ?? error }
        let action = TokenEvent.Action(rawValue: record.action)
        let isTrusted = problem == nil
        return TokenEvent(
            revision: Int(record.revision),
            action: action ?? .set,
            version: Int(record.version),
            at: Timestamp(microseconds: record.at),
            // An edited text could hold what a terminal obeys.
            actor: isTrusted ? record.actor : "",
            note: isTrusted ? record.note : "",
            fingerprint: (try? token(record.name, record.version, rows)).map { fingerprint(of: $0.value) },
            isCurrent: isCurrent && record.version > 0,
            problem: problem ?? (action == nil ? record.tampered : nil)
        )
    }
}
