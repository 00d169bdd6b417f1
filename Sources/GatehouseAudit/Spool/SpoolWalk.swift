internal import Glibc

/// The events of one spool, read beside the process that writes it.
package final class SpoolWalk {
    package let writer: String
    /// How far the sink had them when this was made.
    let delivered: ChainTip
    /// Opened at once: what the sink takes meanwhile stays readable here.
    private let readers: [SegmentReader]
    private let path: String

    /// - Throws: `.spoolUnusable` when there is no spool, `.spoolDamaged` when a segment is none.
    package init(_ path: String) throws(AuditError) {
        self.path = path
        let directory = try SpoolDirectory(reading: path)
        writer = directory.writer
        delivered = directory.cursor().tip
        var readers: [SegmentReader] = []
        for number in try directory.segments() {
            do throws(AuditError) {
                readers.append(try SegmentReader(opening: directory.segment(number)))
            } catch {
                // The drain may have just deleted it, or the writer just begun it.
                guard access(directory.segment(number), F_OK) != 0 || error.code == .spoolDamaged else { throw error }
            }
        }
        self.readers = readers
    }

    /// Passes on the rows behind an event.
    ///
    /// - Returns: the event behind which a segment has bytes that are no record, and their file; nil when every byte belongs to a record.
    func rows(behind sequence: Int64, _ body: (ChainRow) -> Void) throws(AuditError) -> (sequence: Int64, file: String)?
    {
        var last = sequence
        for (index, reader) in readers.enumerated() {
            var attempts = 0
            reading: while true {
                switch try reader.next(before: reader.length) {
                case .record(let record):
                    last = record.sequence
                    if record.sequence > sequence { body(ChainRow(sequence: record.sequence, record: record)) }
                case .end: break reading
                case .damaged:
                    // The end of the last segment may be just being written.
                    attempts += 1
                    guard index == readers.count - 1, attempts < 20 else {
                        return (last, "\(path), segment \(reader.header.number)")
                    }
                    usleep(10_000)
                }
            }
        }
        return nil
    }
}
