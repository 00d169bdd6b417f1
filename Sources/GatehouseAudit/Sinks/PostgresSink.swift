internal import GatehouseCore
internal import PostgresClient

/// Stores events in the table `audit_events` of a PostgreSQL database, a batch in one statement and one round trip. An event that is
/// there already is left alone.
///
/// Runs on the drain's thread, which may wait.
package final class PostgresSink: AuditSink {
    /// How long a batch may take; beyond it the drain backs off and tries again.
    package static let statementTimeout: Duration = .seconds(10)

    private let options: PostgresOptions
    private var session: PostgresSession?
    /// Days since 1970 for whose month a partition was asked.
    private var days = Set<Int64>()

    /// The database is asked for with the first batch, and anew after every failure.
    package init(url: String) {
        options = PostgresOptions(
            url: url,
            statementTimeout: Self.statementTimeout,
            applicationName: "gatehouse audit"
        )
    }

    /// Makes the tables now.
    package func prepare() throws(AuditError) {
        do throws(PostgresError) { _ = try opened() } catch { throw PostgresSchema.wrap(error) }
    }

    package func deliver(_ batch: AuditBatch) throws(AuditError) {
        do throws(PostgresError) {
            let session = try opened()
            var statements: [PostgresStatement] = []
            if !batch.records.isEmpty {
                try makePartitions(for: batch, session)
                var columns = PostgresColumns()
                for record in batch.records { columns.add(record, of: batch.writer) }
                statements.append(columns.statement)
            }
            statements += batch.heads.suffix(PostgresSession.maximumBatch - 1).map { PostgresSchema.insert($0) }
            try session.batch(statements)
        } catch {
            session = nil
            days = []
            throw PostgresSchema.wrap(error)
        }
    }

    // MARK: -

    private func opened() throws(PostgresError) -> PostgresSession {
        if let session, session.isOpen { return session }
        let opened = try PostgresSession(options)
        try PostgresSchema.open(opened)
        session = opened
        return opened
    }

    /// A month without a partition of its own is kept in the default one: nothing here may fail a batch.
    private func makePartitions(for batch: AuditBatch, _ session: PostgresSession) throws(PostgresError) {
        for record in batch.records {
            guard let at = record.event.withUnsafeBytes({ EventDecoder.head($0)?.at }) else { continue }
            guard days.insert(at.seconds / 86_400).inserted else { continue }
            do throws(PostgresError) {
                try session.query("SELECT audit_make_partition($1::timestamptz)", [.text(at.rfc3339)])
            } catch {
                guard error.code == .statementFailed, session.isOpen else { throw error }
            }
        }
    }
}
