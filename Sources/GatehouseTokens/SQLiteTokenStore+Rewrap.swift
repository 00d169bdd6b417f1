internal import GatehouseCore
internal import SQLiteClient

/// What `key rotate` did.
package struct RewrapReport: Sendable {
    /// Rows of values and records that were put under the first master key.
    package internal(set) var rewrapped = 0
    /// Rows that were under it already.
    package internal(set) var alreadyCurrent = 0
    /// Rows that do not open and were left as they are.
    package internal(set) var problems: [TokenProblem] = []
}

extension SQLiteTokenStore {
    /// Puts every row under the first master key; values stay closed. Each row is changed only if it is still the one that was read, and is
    /// whole at any time, so this may be stopped, run again, and run beside a serving instance that has both keys.
    ///
    /// - Throws: ``TokenError`` `keyUnknown` naming every key id that is missing, before anything is changed.
    package func rewrap() async throws(TokenError) -> RewrapReport {
        let database = try database()
        let unknown = try sql { () throws(SQLiteError) in try unknownKeys(database) }
        guard unknown.isEmpty else {
            throw TokenError(
                .keyUnknown,
                "rows are sealed under master keys that are not among master_keys: "
                    + unknown.map(\.description).sorted().joined(separator: ", "),
                hint: "add those keys to master_keys after the first"
            )
        }
        return try sql { () throws(SQLiteError) in
            var report = RewrapReport()
            // A row that another process writes meanwhile is found by the next round.
            for _ in 0..<8 {
                let before = report.rewrapped
                report.alreadyCurrent = 0
                report.problems = []
                try rewrapVersions(database, &report)
                try rewrapRecords(database, &report)
                if report.rewrapped == before { break }
            }
            report.alreadyCurrent -= report.rewrapped
            return report
        }
    }

    private func unknownKeys(_ database: SQLiteConnection) throws(SQLiteError) -> [MasterKey.ID] {
        // Rows with another prefix are no rows of ours: they are reported one by one.
        let statement = try database.prepare(
            """
            SELECT substr(sealed, 5, 8) FROM token_versions WHERE substr(sealed, 1, 4) = CAST('GHS1' AS BLOB)
            UNION SELECT substr(seal, 5, 8) FROM token_heads WHERE substr(seal, 1, 4) = CAST('GHH1' AS BLOB)
            UNION SELECT substr(seal, 5, 8) FROM token_events WHERE substr(seal, 1, 4) = CAST('GHE1' AS BLOB)
            """
        )
        var unknown: [MasterKey.ID] = []
        while try statement.step() {
            let id = MasterKey.ID(bytes: try statement.blob(0))
            if sealer.keyring[id] == nil { unknown.append(id) }
        }
        return unknown
    }

    private func rewrapVersions(_ database: SQLiteConnection, _ report: inout RewrapReport) throws(SQLiteError) {
        for (name, version) in try keys("SELECT name, version FROM token_versions ORDER BY name, version", database) {
            guard let (row, sealed) = try database.version(version, of: name) else { continue }
            if SealedValue.keyID(of: sealed) == sealer.keyring.first.id {
                report.alreadyCurrent += 1
                continue
            }
            let new: [UInt8]
            do throws(TokenError) {
                new = try sealer.rewrap(sealed, in: row)
            } catch {
                report.note(name, error)
                continue
            }
            report.rewrapped += try database.exchange(sealed, for: new, in: row)
        }
    }

    private func rewrapRecords(_ database: SQLiteConnection, _ report: inout RewrapReport) throws(SQLiteError) {
        for (name, _) in try keys("SELECT name, 0 FROM token_heads ORDER BY name", database) {
            if let (head, seal) = try database.head(of: name), let new = newSeal(head, seal, &report) {
                report.rewrapped += try database.exchange(seal, for: new, in: head)
            }
            for (event, seal) in try database.events(of: name, limit: .max) {
                guard let new = newSeal(event, seal, &report) else { continue }
                report.rewrapped += try database.exchange(seal, for: new, in: event)
            }
        }
    }

    private func newSeal<Record: AttestedRecord>(
        _ record: Record,
        _ seal: [UInt8],
        _ report: inout RewrapReport
    ) -> [UInt8]? {
        if Attestation.keyID(of: seal, prefix: Record.prefix) == sealer.keyring.first.id {
            report.alreadyCurrent += 1
            return nil
        }
        do throws(TokenError) {
            try attestation.verify(record, seal)
            return attestation.seal(record)
        } catch {
            report.note(record.name, error)
            return nil
        }
    }

    private func keys(_ sql: String, _ database: SQLiteConnection) throws(SQLiteError) -> [(String, Int64)] {
        let statement = try database.prepare(sql)
        var keys: [(String, Int64)] = []
        while try statement.step() { keys.append((try statement.text(0), try statement.integer(1))) }
        return keys
    }
}

extension RewrapReport {
    fileprivate mutating func note(_ name: String, _ error: TokenError) {
        if let name = try? TokenName(parsing: name) { problems.append(TokenProblem(name: name, error: error)) }
    }
}
