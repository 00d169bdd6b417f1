internal import GatehouseCore

/// What `key rotate` did.
package struct RewrapReport: Sendable {
    /// Rows of values and records that were put under the first master key.
    package internal(set) var rewrapped = 0
    /// Rows that were under it already.
    package internal(set) var alreadyCurrent = 0
    /// Rows that do not open and were left as they are.
    package internal(set) var problems: [TokenProblem] = []
}

extension SealedTokenStore {
    /// Puts every row under the first master key; values stay closed. Each row is changed only if it is still the one that was read, and is
    /// whole at any time, so this may be stopped, run again, and run beside a serving instance that has both keys.
    ///
    /// - Throws: ``TokenError`` `keyUnknown` naming every key id that is missing, before anything is changed.
    package func rewrap() async throws(TokenError) -> RewrapReport {
        let unknown = try await database.use(.single) { rows throws(TokenError) in
            try rows.keyIDs().filter { sealer.keyring[$0] == nil }
        }
        guard unknown.isEmpty else {
            throw TokenError(
                .keyUnknown,
                "rows are sealed under master keys that are not among master_keys: "
                    + unknown.map(\.description).sorted().joined(separator: ", "),
                hint: "add those keys to master_keys after the first"
            )
        }
        return try await database.use(.single) { rows throws(TokenError) in
            var report = RewrapReport()
            // A row that another process writes meanwhile is found by the next round.
            for _ in 0..<8 {
                let before = report.rewrapped
                report.alreadyCurrent = 0
                report.problems = []
                try rewrapVersions(rows, &report)
                try rewrapRecords(rows, &report)
                if report.rewrapped == before { break }
            }
            report.alreadyCurrent -= report.rewrapped
            return report
        }
    }

    private func rewrapVersions(_ rows: TokenRows, _ report: inout RewrapReport) throws(TokenError) {
        for (name, version) in try rows.versionKeys() {
            guard let (row, sealed) = try rows.version(version, of: name) else { continue }
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
            report.rewrapped += try rows.exchange(sealed, for: new, in: row)
        }
    }

    private func rewrapRecords(_ rows: TokenRows, _ report: inout RewrapReport) throws(TokenError) {
        for name in try rows.headNames() {
            if let (head, seal) = try rows.head(of: name), let new = newSeal(head, seal, &report) {
                report.rewrapped += try rows.exchange(seal, for: new, in: head)
            }
            for (event, seal) in try rows.events(of: name, limit: .max) {
                guard let new = newSeal(event, seal, &report) else { continue }
                report.rewrapped += try rows.exchange(seal, for: new, in: event)
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
}

extension RewrapReport {
    fileprivate mutating func note(_ name: String, _ error: TokenError) {
        if let name = try? TokenName(parsing: name) { problems.append(TokenProblem(name: name, error: error)) }
    }
}
