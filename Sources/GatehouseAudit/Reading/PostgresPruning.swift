package import GatehouseCore
internal import PostgresClient

/// Deletes old events of a PostgreSQL database: months that are old as a whole by dropping their partition. For the tables' owner.
package final class PostgresPruning: AuditPruning {
    private let session: PostgresSession

    package init(url: String) throws(AuditError) {
        do throws(PostgresError) {
            session = try PostgresSession(
                PostgresOptions(
                    url: url,
                    statementTimeout: PostgresArchive.statementTimeout,
                    applicationName: "gatehouse audit prune"
                )
            )
            try session.migrate(PostgresSchema.component, through: PostgresSchema.scripts)
        } catch { throw PostgresSchema.wrap(error) }
    }

    package func prunable(before time: Timestamp) throws(AuditError) -> [PrunableChain] {
        var chains: [PrunableChain] = []
        do throws(PostgresError) {
            for name in try session.query(AuditSQL.writers) {
                let writer = try name.text(0)
                let last = try session.query(
                    """
                    SELECT seq, coalesce(hash, ''::bytea) FROM audit_events WHERE writer = $1 AND seq < coalesce(
                        (SELECT min(seq) FROM audit_events WHERE writer = $1 AND at >= $2::timestamptz), 9223372036854775807
                    ) ORDER BY seq DESC LIMIT 1
                    """,
                    [.text(writer), .text(time.rfc3339)]
                )
                guard let row = last.first else { continue }
                chains.append(PrunableChain(writer: writer, sequence: try row.int(0), hash: try row.bytes(1)))
            }
        } catch { throw PostgresSchema.wrap(error) }
        return chains
    }

    package func prune(
        _ checkpoints: [AuditHead],
        before time: Timestamp,
        progress: (Int) -> Void
    ) throws(AuditError) -> Int {
        do throws(PostgresError) {
            for checkpoint in checkpoints { try session.batch([PostgresSchema.insert(checkpoint)]) }
            var deleted = try dropMonths(checkpoints, before: time)
            for checkpoint in checkpoints {
                while true {
                    let count = try session.query(
                        """
                        WITH old AS (
                            SELECT event_id, at FROM audit_events WHERE writer = $1 AND seq <= $2 ORDER BY seq LIMIT $3
                        ) DELETE FROM audit_events e USING old WHERE e.event_id = old.event_id AND e.at = old.at
                        """,
                        [.text(checkpoint.writer), .int(checkpoint.sequence), .int(Int64(PruneStep.events))]
                    ).affectedCount
                    guard count > 0 else { break }
                    deleted += count
                    progress(deleted)
                }
                try session.query(
                    "DELETE FROM audit_heads WHERE writer = $1 AND seq < $2",
                    [.text(checkpoint.writer), .int(checkpoint.sequence)]
                )
            }
            return deleted + (try dropMonths(checkpoints, before: time))
        } catch { throw PostgresSchema.wrap(error) }
    }

    /// Drops the months that ended before a time and have nothing behind a checkpoint.
    private func dropMonths(_ checkpoints: [AuditHead], before time: Timestamp) throws(PostgresError) -> Int {
        var through: [String: Int64] = [:]
        for checkpoint in checkpoints { through[checkpoint.writer] = checkpoint.sequence }
        let months = try session.query(
            """
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'audit_events'::regclass AND c.relname ~ '^audit_events_[0-9]{4}_[0-9]{2}$'
                AND (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' <= $1::timestamptz
            """,
            [.text(time.rfc3339)]
        )
        var deleted = 0
        for month in months {
            // Digits and underscores, as the condition above says: fit for an identifier.
            let table = try month.text(0)
            deleted += try session.transaction { (session) throws(PostgresError) in
                try session.query("LOCK TABLE \(table) IN SHARE MODE")
                var count = 0
                for row in try session.query("SELECT writer, max(seq), count(*) FROM \(table) GROUP BY writer") {
                    guard let last = through[try row.text(0)], try row.int(1) <= last else { return 0 }
                    count += Int(try row.int(2))
                }
                try session.query("DROP TABLE \(table)")
                return count
            }
        }
        return deleted
    }
}
