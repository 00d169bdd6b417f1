internal import GatehouseCore

/// The result of `key rotate`.
package struct RewrapReport: Sendable {
    /// Rows of values and records that were put under the first master key.
    package internal(set) var rewrapped = 0
    /// Rows that were under it already.
    package internal(set) var alreadyCurrent = 0
    /// Keys that opened until now, and from now on open nothing here.
    package internal(set) var ended: [MasterKey.ID] = []
    /// Keys whose part for the audit is kept from now on: see ``KeptKey``.
    package internal(set) var kept: [MasterKey.ID] = []
    package mutating func keeps(_ more: [MasterKey.ID]) { kept += more }
    /// Whether the rows were bound to this store by it: see ``StoreID``.
    package internal(set) var isBoundNow = false
    /// Whether another process goes on writing under an older key, so that none has ended.
    package internal(set) var isContested = false
    /// Rows that do not open and were left as they are.
    package internal(set) var problems: [TokenProblem] = []
}

extension SealedTokenStore {
    /// Seals every row under the first master key; values stay closed. Each row is changed only if it is still the one that was read, and is whole at
    /// any time, so this may be stopped, run again, and run beside a serving instance that has both keys.
    ///
    /// When every row is under it, the other keys of the ring end. A store of an older release is bound first: see ``StoreID``.
    ///
    /// - Parameter purposes: the purposes for which the ended keys are kept, sealed under the first.
    /// - Throws: ``TokenError`` `keyUnknown` naming every key id that is missing, before anything is changed.
    package func rewrap(by actor: String = "", keeping purposes: [String] = []) async throws(TokenError)
        -> RewrapReport
    {
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
        var report = try await database.use(.changing) { rows throws(TokenError) in
            var report = RewrapReport()
            try bind(by: actor, rows, &report)
            return report
        }
        for _ in 0..<Self.rounds {
            let round = try await rewrapOnce()
            report.rewrapped += round.rewrapped
            report.alreadyCurrent = round.alreadyCurrent + round.rewrapped - report.rewrapped
            report.problems = round.problems
            guard round.problems.isEmpty else { return report }
            if let (ended, kept) = try await endOlderKeys(by: actor, keeping: purposes) {
                report.ended = ended
                report.kept = kept
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

    /// - Parameter new: the store that rows are bound to by this; nil when nothing is to change in that.
    func rewrapVersions(_ rows: TokenRows, _ report: inout RewrapReport, to new: StoreID? = nil) throws(TokenError) {
        let store = try binding(rows)
        for (name, version) in try rows.versionKeys() {
            guard let (row, sealed) = try rows.version(version, of: name) else { continue }
            if SealedValue.keyID(of: sealed) == sealer.keyring.first.id, new == nil {
                report.count(name) { $0.alreadyCurrent += 1 }
                continue
            }
            let fresh: [UInt8]
            do throws(TokenError) {
                try refuseEnded(SealedValue.keyID(of: sealed), name, rows)
                fresh = try sealer.rewrap(sealed, in: row, of: store, to: new ?? store)
            } catch {
                report.note(name, error)
                continue
            }
            let changed = try rows.exchange(sealed, for: fresh, in: row)
            report.count(name) { $0.rewrapped += changed }
        }
    }

    func rewrapRecords(_ rows: TokenRows, _ report: inout RewrapReport, to new: StoreID? = nil) throws(TokenError) {
        for name in try rows.headNames() {
            if let (head, seal) = try rows.head(of: name), let fresh = try newSeal(head, seal, &report, rows, new) {
                let changed = try rows.exchange(seal, for: fresh, in: head)
                report.count(name) { $0.rewrapped += changed }
            }
            for (event, seal) in try rows.events(of: name, limit: .max) {
                guard let fresh = try newSeal(event, seal, &report, rows, new) else { continue }
                let changed = try rows.exchange(seal, for: fresh, in: event)
                report.count(name) { $0.rewrapped += changed }
            }
        }
    }

    private func newSeal<Record: AttestedRecord>(
        _ record: Record,
        _ seal: [UInt8],
        _ report: inout RewrapReport,
        _ rows: TokenRows,
        _ new: StoreID?
    ) throws(TokenError) -> [UInt8]? {
        let store = try binding(of: record.name, rows)
        if Attestation.keyID(of: seal, Record.self) == sealer.keyring.first.id, new == nil {
            report.count(record.name) { $0.alreadyCurrent += 1 }
            return nil
        }
        do throws(TokenError) {
            try attestation.verify(record, seal, of: store)
            try refuseEnded(Attestation.keyID(of: seal, Record.self), record.name, rows)
            return attestation.seal(record, of: new ?? store)
        } catch {
            report.note(record.name, error)
            return nil
        }
    }
}

extension RewrapReport {
    /// The store's own records are no rows of a token's, and are not counted as such.
    fileprivate mutating func count(_ name: String, _ body: (inout RewrapReport) -> Void) {
        if name != SealedTokenStore.keysName, name != SealedTokenStore.storeName { body(&self) }
    }

    fileprivate mutating func note(_ name: String, _ error: TokenError) {
        // A row that is left under an older key keeps that key from ending, be it a grant's.
        guard let name = (try? TokenName(parsing: name)) ?? GrantKey(rowName: name)?.token ?? BookKey.token(ofRow: name)
        else { return }
        problems.append(TokenProblem(name: name, error: error))
    }
}
