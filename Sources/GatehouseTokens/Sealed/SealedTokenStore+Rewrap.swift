internal import GatehouseCore

/// What `key rotate` did.
package struct RewrapReport: Sendable {
    /// Rows of values and records that were put under the first master key.
    package internal(set) var rewrapped = 0
    /// Rows that were under it already.
    package internal(set) var alreadyCurrent = 0
    /// Keys that opened until now, and from now on open nothing here.
    package internal(set) var ended: [MasterKey.ID] = []
    /// Whether another process goes on writing under an older key, so that none has ended.
    package internal(set) var isContested = false
    /// Rows that do not open and were left as they are.
    package internal(set) var problems: [TokenProblem] = []
}

extension SealedTokenStore {
    /// Puts every row under the first master key; values stay closed. Each row is changed only if it is still the one that was read, and is
    /// whole at any time, so this may be stopped, run again, and run beside a serving instance that has both keys.
    ///
    /// When every row is under it, the other keys of the ring end.
    ///
    /// - Throws: ``TokenError`` `keyUnknown` naming every key id that is missing, before anything is changed.
    package func rewrap(by actor: String = "") async throws(TokenError) -> RewrapReport {
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
        var report = RewrapReport()
        for _ in 0..<Self.rounds {
            let round = try await rewrapOnce()
            report.rewrapped += round.rewrapped
            report.alreadyCurrent = round.alreadyCurrent + round.rewrapped - report.rewrapped
            report.problems = round.problems
            guard round.problems.isEmpty else { return report }
            if let ended = try await endOlderKeys(by: actor) {
                report.ended = ended
                return report
            }
        }
        report.isContested = true
        return report
    }

    /// How often it is begun anew because another process has written a row under an older key meanwhile.
    private static let rounds = 8

    private func rewrapOnce() async throws(TokenError) -> RewrapReport {
        try await database.use(.single) { rows throws(TokenError) in
            try refuseEndedFirst(rows)
            var report = RewrapReport()
            // A row that another process writes meanwhile is found by the next round.
            for _ in 0..<Self.rounds {
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
                try refuseEnded(SealedValue.keyID(of: sealed), name, rows)
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
            // The ends of keys are no rows of a token's, and are not counted as such.
            var counted = report
            defer {
                if name != Self.keysName { report = counted } else { report.problems = counted.problems }
            }
            if let (head, seal) = try rows.head(of: name), let new = newSeal(head, seal, &counted, rows) {
                counted.rewrapped += try rows.exchange(seal, for: new, in: head)
            }
            for (event, seal) in try rows.events(of: name, limit: .max) {
                guard let new = newSeal(event, seal, &counted, rows) else { continue }
                counted.rewrapped += try rows.exchange(seal, for: new, in: event)
            }
        }
    }

    private func newSeal<Record: AttestedRecord>(
        _ record: Record,
        _ seal: [UInt8],
        _ report: inout RewrapReport,
        _ rows: TokenRows
    ) -> [UInt8]? {
        if Attestation.keyID(of: seal, prefix: Record.prefix) == sealer.keyring.first.id {
            report.alreadyCurrent += 1
            return nil
        }
        do throws(TokenError) {
            try attestation.verify(record, seal)
            try refuseEnded(Attestation.keyID(of: seal, prefix: Record.prefix), record.name, rows)
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
