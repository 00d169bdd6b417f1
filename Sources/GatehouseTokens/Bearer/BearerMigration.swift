internal import GatehouseCore

/// Copies break-glass credentials from one place to another: reads, writes, reads back, compares. Changes nothing where it reads, so it may be taken back
/// by copying in the other direction, and run twice.
package struct BearerMigration: Sendable {
    package enum Action: String, Sendable {
        /// It was copied, or would be.
        case create
        /// It was revoked where it is read, and is so now where it was copied to.
        case revoke
        /// It is there already.
        case same
        /// It is not trusted where it is read, or was not found again as it was written.
        case failed
    }

    package struct Row: Sendable {
        package let summary: BearerSummary
        package let action: Action
    }

    private let source: BearerStore
    private let target: BearerStore
    private let isDryRun: Bool

    package init(from source: BearerStore, to target: BearerStore, isDryRun: Bool) {
        self.source = source
        self.target = target
        self.isDryRun = isDryRun
    }

    /// One row for each credential of the source, the newest first.
    ///
    /// - Throws: ``TokenError`` when a place cannot be read or written, `limit` when too many would live: nothing is copied then.
    package func run(by actor: String) async throws(TokenError) -> [Row] {
        let records = try await source.trusted()
        let before = Self.byID(try await target.trusted())
        if !isDryRun, !records.isEmpty { try await target.take(records, by: actor) }
        let after = isDryRun ? before : Self.byID(try await target.trusted())
        let known = Self.byID(records)
        let now = source.clock.now()
        return try await source.list().map { summary in
            guard let record = known[summary.id] else { return Row(summary: summary, action: .failed) }
            let old = before[record.id]
            if old == nil || old?.revokedAt == nil && record.revokedAt != nil {
                let action: Action = old == nil ? .create : .revoke
                // Of those that ended the oldest are not kept.
                let isThere = isDryRun || after[record.id] == record || !record.isLive(at: now)
                return Row(summary: summary, action: isThere ? action : .failed)
            }
            return Row(summary: summary, action: old?.digest == record.digest ? .same : .failed)
        }
    }

    private static func byID(_ records: [BearerRecord]) -> [String: BearerRecord] {
        Dictionary(records.map { ($0.id, $0) }) { first, _ in first }
    }
}
