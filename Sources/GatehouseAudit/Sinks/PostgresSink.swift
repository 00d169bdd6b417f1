package import GatehouseCore
internal import PostgresClient

/// Stores events in the table `audit_events` of a PostgreSQL database, a batch in one statement and one round trip. An event that is
/// there already is left alone.
///
/// Runs on the drain's thread, which may wait.
package final class PostgresSink: AuditSink {
    /// How long a batch may take; beyond it the drain backs off and tries again.
    package static let statementTimeout: Duration = .seconds(10)

    package let deliveryTimeout: Duration? = PostgresSink.statementTimeout

    private let options: PostgresOptions
    private var current: (session: PostgresSession, place: PostgresPlace)?
    /// Sessions opened so far.
    private var openings = 0
    /// Whether the user may read the tables, as one who may only insert may not; nil until it was tried.
    private var mayRead: Bool?
    /// Days since 1970 for whose month a partition was asked.
    private var days = Set<Int64>()

    /// The database is asked for with the first batch, and anew after every failure.
    package convenience init(url: String) { self.init(url: url, statementTimeout: Self.statementTimeout) }

    init(url: String, statementTimeout: Duration) {
        options = PostgresOptions(
            url: url,
            statementTimeout: statementTimeout,
            applicationName: "gatehouse audit"
        )
    }

    /// Makes the tables now.
    package func prepare() throws(AuditError) {
        do throws(PostgresError) { _ = try opened() } catch { throw PostgresSchema.wrap(error) }
    }

    package func open() throws(AuditError) -> Int {
        try prepare()
        return openings
    }

    package func deliver(_ batch: AuditBatch) throws(AuditError) {
        // A server that does not answer at all says nothing about the size of a batch.
        var isSent = false
        do throws(PostgresError) {
            let (session, place) = try opened()
            var statements: [PostgresStatement] = []
            if !batch.records.isEmpty {
                try makePartitions(for: batch, session, place)
                var columns = PostgresColumns()
                for record in batch.records { columns.add(record, of: batch.writer) }
                statements.append(columns.statement(in: place))
            }
            let heads = batch.heads.suffix(PostgresSession.maximumBatch - 1)
            statements += heads.map { PostgresSchema.insert($0, in: place) }
            isSent = true
            try session.batch(statements)
        } catch {
            close()
            guard isSent, error.code == .timeout else { throw PostgresSchema.wrap(error) }
            throw AuditError(.sinkTimedOut, "the audit database", underlying: error, source: .upstream)
        }
    }

    package func clock() throws(AuditError) -> Timestamp? {
        do throws(PostgresError) {
            let (session, _) = try opened()
            return Timestamp(microseconds: try session.clock())
        } catch {
            close()
            throw PostgresSchema.wrap(error)
        }
    }

    package func lastSequence(of writer: String) throws(AuditError) -> Int64? {
        try read(
            """
            SELECT greatest(
                (SELECT max(seq) FROM audit_events WHERE writer = $1),
                (SELECT max(seq) FROM audit_heads WHERE writer = $1 AND kind = 'checkpoint'), 0)
            """,
            [.text(writer)]
        )
    }

    package func count(of writer: String, in sequences: ClosedRange<Int64>) throws(AuditError) -> Int? {
        try read(
            "SELECT count(*) FROM audit_events WHERE writer = $1 AND seq BETWEEN $2 AND $3",
            [.text(writer), .int(sequences.lowerBound), .int(sequences.upperBound)]
        ).map { Int(clamping: $0) }
    }

    // MARK: -

    private func opened() throws(PostgresError) -> (session: PostgresSession, place: PostgresPlace) {
        if let current, current.session.isOpen { return current }
        close()
        let session = try PostgresSession(options)
        let opened = (session, try PostgresSchema.open(session))
        current = opened
        openings += 1
        return opened
    }

    private func close() {
        current = nil
        mayRead = nil
        days = []
    }

    /// One number, nil when the user may not read the tables.
    private func read(_ sql: String, _ values: [PostgresValue]) throws(AuditError) -> Int64? {
        guard mayRead ?? true else { return nil }
        do throws(PostgresError) {
            let (session, place) = try opened()
            let number = try session.query(place.qualified(sql), values)[0].int(0)
            mayRead = true
            return number
        } catch {
            guard error.sqlState != "42501" else {
                mayRead = false
                return nil
            }
            close()
            throw PostgresSchema.wrap(error)
        }
    }

    /// A month without a partition of its own is kept in the default one: nothing here may fail a batch.
    private func makePartitions(
        for batch: AuditBatch,
        _ session: PostgresSession,
        _ place: PostgresPlace
    ) throws(PostgresError) {
        for record in batch.records {
            guard let at = record.event.withUnsafeBytes({ EventDecoder.head($0)?.at }) else { continue }
            guard days.insert(at.seconds / 86_400).inserted else { continue }
            do throws(PostgresError) {
                try session.query(
                    place.qualified("SELECT audit_make_partition($1::timestamptz)"),
                    [.text(at.rfc3339)]
                )
            } catch {
                guard error.code == .statementFailed, session.isOpen else { throw error }
            }
        }
    }
}
