/// Copies what one sink keeps into another, so that a chain stays whole when the sink is changed in its middle.
package enum AuditMigration {
    /// The number of one writer's events that were copied.
    package struct Copied: Hashable, Sendable {
        package let writer: String
        package var events = 0
        package var heads = 0
        /// Rows that somebody changed so that they are no events any more. They stay behind, and leave a gap.
        package var unreadable = 0
    }

    /// Events and heads that are handed over at once.
    private static let piece = AuditSystem.Settings.defaultBatch / 2

    /// Copies the events of every writer with their places and hashes, and then the heads that cover them. What the sink has already it
    /// leaves alone, so this may be run again, and beside a gateway that stores into either.
    ///
    /// - Parameter sink: nil to count alone.
    /// - Throws: `.unreadable`, or `.sinkFailed` when not everything was taken.
    package static func copy(
        _ archive: any AuditArchive,
        to sink: (any AuditSink)?,
        progress: (_ events: Int) -> Void = { _ in }
    ) throws(AuditError) -> [Copied] {
        var all: [Copied] = []
        try archive.snapshot { () throws(AuditError) in
            all = try copyAll(archive, sink, progress)
            // Events whose writer's name is no text are counted only: no query can name them.
            let met = all.reduce(0) { $0 + $1.events + $1.unreadable }
            let others = try archive.count(AuditQuery()) - met
            if others > 0 { all.append(Copied(writer: "?", unreadable: others)) }
        }
        return all
    }

    private static func copyAll(
        _ archive: any AuditArchive,
        _ sink: (any AuditSink)?,
        _ progress: (_ events: Int) -> Void
    ) throws(AuditError) -> [Copied] {
        var all: [Copied] = []
        var done = 0
        for writer in try archive.writers() {
            var copied = Copied(writer: writer)
            var records: [SpoolRecord] = []
            var failure: AuditError?
            func deliver() -> Bool {
                do throws(AuditError) {
                    if !records.isEmpty { try sink?.deliver(AuditBatch(writer: writer, records: records)) }
                } catch { failure = error }
                copied.events += records.count
                records.removeAll(keepingCapacity: true)
                progress(done + copied.events)
                return failure == nil
            }
            try archive.chain(of: writer) { row in
                guard let record = row.record else {
                    copied.unreadable += 1
                    return true
                }
                records.append(record)
                return records.count < piece || deliver()
            }
            if failure == nil { _ = deliver() }
            if let failure { throw failure }
            let heads = try archive.heads(of: writer)
            for start in stride(from: 0, to: heads.count, by: piece) {
                let some = Array(heads[start..<min(start + piece, heads.count)])
                try sink?.deliver(AuditBatch(writer: writer, records: [], heads: some))
            }
            copied.heads = heads.count
            done += copied.events
            all.append(copied)
        }
        return all
    }
}
