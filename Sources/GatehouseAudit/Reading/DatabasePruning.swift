internal import GatehouseCore

/// Deletes old events of a database.
final class DatabasePruning<SQL: AuditSQL>: AuditPruning {
    private typealias Failure = SQL.Row.Failure

    /// Events deleted in one step: few enough that one does not fill the disk with what it changes, or keeps the sink waiting.
    private static var step: Int64 { 2000 }

    private let sql: SQL

    init(_ sql: SQL) { self.sql = sql }

    func mayDelete() throws(AuditError) -> Bool {
        do throws(Failure) { return try sql.mayDelete() } catch { throw SQL.failed(error) }
    }

    func lock() throws(AuditError) -> Bool {
        do throws(Failure) { return try sql.lock() } catch { throw SQL.failed(error) }
    }

    func clock() throws(AuditError) -> Timestamp? {
        do throws(Failure) { return try sql.clock() } catch { throw SQL.failed(error) }
    }

    func joinSchemas() throws(AuditError) -> Int {
        do throws(Failure) { return try sql.joinSchemas() } catch { throw SQL.failed(error) }
    }

    func prune(
        _ checkpoints: [AuditHead],
        before time: Timestamp,
        progress: (Int) -> Void
    ) throws(AuditError) -> Int {
        var last: [String: Int64] = [:]
        for checkpoint in checkpoints { last[checkpoint.writer] = checkpoint.sequence }
        do throws(Failure) {
            for checkpoint in checkpoints { try sql.store(checkpoint) }
            var deleted = try sql.deleteWholeMonths(before: .time(time), through: last)
            for checkpoint in checkpoints {
                let values: [QueryValue] = [.text(checkpoint.writer), .integer(checkpoint.sequence)]
                while true {
                    let count = try sql.run(SQL.dialect.deletion, values + [.integer(Self.step)])
                    guard count > 0 else { break }
                    deleted += count
                    progress(deleted)
                    try sql.settleStep()
                }
                let (writer, sequence) = (SQL.dialect.place(1, values[0]), SQL.dialect.place(2, values[1]))
                try sql.run("DELETE FROM audit_heads WHERE writer = \(writer) AND seq < \(sequence)", values)
            }
            return deleted + (try sql.deleteWholeMonths(before: .time(time), through: last))
        } catch { throw SQL.failed(error) }
    }
}
