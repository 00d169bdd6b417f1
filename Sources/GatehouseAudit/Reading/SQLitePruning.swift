package import GatehouseCore
internal import SQLiteClient

/// Deletes old events of a SQLite database.
package final class SQLitePruning: AuditPruning {
    private let connection: SQLiteConnection

    package init(path: String) throws(AuditError) {
        do throws(SQLiteError) {
            connection = try SQLiteConnection(path: path, access: .readWrite)
            try connection.migrate(SQLiteSchema.component, through: SQLiteSchema.scripts)
        } catch { throw SQLiteSchema.wrap(error) }
    }

    package func prunable(before time: Timestamp) throws(AuditError) -> [PrunableChain] {
        var chains: [PrunableChain] = []
        do throws(SQLiteError) {
            var writers: [String] = []
            let names = try connection.prepare(AuditSQL.writers)
            while try names.step() { writers.append(try names.text(0)) }
            for writer in writers {
                // By the index, from the oldest on: what is kept is not read.
                let last = try connection.prepare(
                    """
                    SELECT seq, hash FROM audit_events WHERE writer = ?1 AND seq < coalesce(
                        (SELECT seq FROM audit_events WHERE writer = ?1 AND at >= ?2 ORDER BY seq LIMIT 1), 9223372036854775807
                    ) ORDER BY seq DESC LIMIT 1
                    """
                )
                try last.bind([.text(writer), .integer(time.microseconds)])
                guard try last.step() else { continue }
                let hash = last.isNull(1) ? [] : try last.blob(1)
                chains.append(PrunableChain(writer: writer, sequence: try last.integer(0), hash: hash))
            }
        } catch { throw SQLiteSchema.wrap(error) }
        return chains
    }

    package func prune(
        _ checkpoints: [AuditHead],
        before time: Timestamp,
        progress: (Int) -> Void
    ) throws(AuditError) -> Int {
        var deleted = 0
        do throws(SQLiteError) {
            for checkpoint in checkpoints {
                try SQLiteSink.store(checkpoint, on: connection)
                while true {
                    let count = try connection.run(
                        """
                        DELETE FROM audit_events WHERE rowid IN (
                            SELECT rowid FROM audit_events WHERE writer = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3
                        )
                        """,
                        .text(checkpoint.writer),
                        .integer(checkpoint.sequence),
                        .integer(Int64(PruneStep.events))
                    )
                    guard count > 0 else { break }
                    deleted += count
                    progress(deleted)
                }
                try connection.run(
                    "DELETE FROM audit_heads WHERE writer = ? AND seq < ?",
                    .text(checkpoint.writer),
                    .integer(checkpoint.sequence)
                )
            }
        } catch { throw SQLiteSchema.wrap(error) }
        return deleted
    }
}
