/// Judges what is left of events that a checkpoint says were pruned: a prune that was interrupted leaves some. Gaps between them are no
/// matter; whatever else is wrong with them is, because readers of the log are shown them.
struct LeftoverWalk {
    private let checkpoint: AuditHead
    /// The event before.
    private var tip: (sequence: Int64, hash: [UInt8])?
    /// Events without a hash, one behind the other: genuine only if a chain begins behind the last.
    private var unhashed: ClosedRange<Int64>?

    init(before checkpoint: AuditHead) { self.checkpoint = checkpoint }

    /// - Parameters:
    ///   - isGenuine: its hash is one of a key's.
    ///   - begins: it is the first of a chain.
    /// - Returns: what is wrong with it.
    mutating func take(_ row: ChainRow, _ head: EventDecoder.Head?, isGenuine: Bool, begins: Bool) -> ChainBreak? {
        let before = tip
        guard let record = row.record else {
            tip = nil
            return ChainBreak(.altered, row.sequence, detail: "it cannot be read as an event any more")
        }
        tip = (row.sequence, record.hash)
        if let before, before.sequence == row.sequence { return ChainBreak(.duplicate, row.sequence, of: head) }
        guard !record.hash.isEmpty else { return takeUnhashed(row.sequence) }
        guard isGenuine else { return ChainBreak(.altered, row.sequence, of: head) }
        if let unhashed {
            self.unhashed = nil
            guard begins, unhashed.upperBound + 1 == row.sequence else { return Self.unproven(unhashed) }
        } else if let before, before.sequence + 1 == row.sequence, record.previousHash != before.hash {
            return ChainBreak(.unlinked, row.sequence, of: head)
        }
        guard row.sequence < checkpoint.sequence || record.hash == checkpoint.hash else {
            return ChainBreak(.rewritten, row.sequence, of: head, detail: "a checkpoint covers it")
        }
        return nil
    }

    /// - Returns: what is wrong with the last of them.
    mutating func end() -> ChainBreak? {
        defer { unhashed = nil }
        return unhashed.map { Self.unproven($0) }
    }

    private mutating func takeUnhashed(_ sequence: Int64) -> ChainBreak? {
        // When the last pruned event had no hash, no event before it had one.
        if checkpoint.hash.isEmpty { return nil }
        guard let run = unhashed else {
            unhashed = sequence...sequence
            return nil
        }
        guard run.upperBound + 1 == sequence else {
            unhashed = sequence...sequence
            return Self.unproven(run)
        }
        unhashed = run.lowerBound...sequence
        return nil
    }

    private static func unproven(_ run: ClosedRange<Int64>) -> ChainBreak {
        ChainBreak(.unchained, run.lowerBound, through: run.upperBound, detail: "they stand where events were pruned")
    }
}
