/// A database that a sink keeps events in.
package enum EventDatabase: Sendable {
    case sqlite(path: String)
    case postgres(url: String)

    /// The sink that stores events in this database. It opens the database when it is given the first event.
    package func sink() -> sending any AuditSink {
        switch self {
        case .sqlite(let path): SQLiteSink(path: path)
        case .postgres(let url): PostgresSink(url: url)
        }
    }

    /// Opens it for reading, without keeping the sink from storing more.
    ///
    /// - Parameter isUntouched: for reading only: no file is made, and no table migrated.
    /// - Throws: `.unreadable` when there is no such database, `.empty` when it has no audit tables.
    package func archive(isUntouched: Bool = false) throws(AuditError) -> any AuditArchive {
        switch self {
        case .sqlite(let path): DatabaseArchive(try SQLiteAuditSQL(reading: path, isUntouched: isUntouched))
        case .postgres(let url): DatabaseArchive(try PostgresAuditSQL(reading: url))
        }
    }

    /// Opens it for deleting, as the owner of its tables.
    ///
    /// - Throws: `.sinkFailed` when it cannot be had.
    package func pruning() throws(AuditError) -> any AuditPruning {
        switch self {
        case .sqlite(let path): DatabasePruning(try SQLiteAuditSQL(pruning: path))
        case .postgres(let url): DatabasePruning(try PostgresAuditSQL(pruning: url))
        }
    }
}
