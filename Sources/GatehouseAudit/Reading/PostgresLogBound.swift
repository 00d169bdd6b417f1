internal import PostgresClient

/// Bounds what the server's write-ahead log takes of the disk while much is deleted.
///
/// A row that is deleted has the server write its page to the log once, so half of six million rows are more than a gigabyte. It takes files of the
/// log again at a checkpoint, and makes one by itself at `max_wal_size` (1 GB) or after five minutes. A role that may (superusers, and members of
/// `pg_checkpoint` since PostgreSQL 15) asks for one earlier; the log of any other grows to `max_wal_size` at most.
final class PostgresLogBound {
    /// Bytes written between two checkpoints. A checkpoint writes out what has changed and costs the server more the more there are.
    static let distance: Int64 = 48 << 20

    private let distance: Int64
    /// The place in the log at which the last checkpoint was due, or of the first call.
    private var mark: Int64?
    private var mayAsk = true
    /// How many were made on request.
    private(set) var checkpoints = 0

    init(distance: Int64 = PostgresLogBound.distance) { self.distance = distance }

    /// To be called between the steps of a deletion.
    func settle(_ session: PostgresSession) throws(PostgresError) {
        guard mayAsk else { return }
        let written = try session.query("SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint")[0].int(0)
        guard isDue(at: written) else { return }
        do throws(PostgresError) { try session.query("CHECKPOINT") } catch {
            // Without the right, or on a server that takes longer than a statement may: the deletion is worth more than the room.
            guard ["42501", "57014"].contains(error.sqlState), session.isOpen else { throw error }
            mayAsk = false
            return
        }
        checkpoints += 1
    }

    /// Whether the server has written `distance` since the last place at which this said so, or since the first call.
    ///
    /// - Parameter written: The place in the server's log, in bytes. All who write to the server move it.
    func isDue(at written: Int64) -> Bool {
        let last = mark ?? written
        let isDue = written - last >= distance
        mark = isDue ? written : last
        return isDue
    }
}
