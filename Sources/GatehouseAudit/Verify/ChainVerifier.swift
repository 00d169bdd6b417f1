internal import GatehouseCore

/// Verifies the chain of one writer and names its breaks. Takes the events in their stored order.
struct ChainVerifier {
    /// How far from its place an event is looked for when it does not fit there.
    static let searchDistance: Int64 = 64
    /// How far ahead an event may be dated: clocks of several machines differ, and one that is set right is not.
    static let clockTolerance: Duration = .seconds(86_400)
    /// The numbers that a writer gives. A row with another number was not made by a writer; no arithmetic with one of these overflows.
    static let numbers: ClosedRange<Int64> = 1...1 << 62

    private(set) var report: ChainReport
    private let keys: ChainKeys
    private let front: ChainFront
    /// Heads that are to be met, the next one last.
    private var heads: [AuditHead]
    /// How far the sink should have the chain, as the spool beside it says.
    private let expected: ChainTip?
    private let checkpoint: AuditHead?
    private let mayBeginAnywhere: Bool
    private let hasName: Bool
    /// Events before this time may be pruned; nil once one is met that may not, and when pruning was not asked for.
    private var cutoff: Timestamp?
    /// Events dated after this time were made by a clock that was wrong.
    private let horizon: Timestamp
    /// Events that may be pruned if one behind them may.
    private var pending = 0
    private var leftovers: LeftoverWalk?

    /// The event before: its number and, if it is whole, its hash.
    private var tip: (sequence: Int64, hash: [UInt8]?)?
    /// The key that fitted last: mostly it fits again.
    private var fitting = 0
    /// Whether an event of this chain was made under a key that has no end.
    private var hasMovedOn = false

    /// - Parameters:
    ///   - heads: heads and checkpoints of this writer, wherever they were kept.
    ///   - expected: nil when nothing is known.
    ///   - cutoff: makes ``ChainReport/prunable`` say how much of the chain is from before this time.
    ///   - mayBeginAnywhere: for a spool, which deletes events that the sink has.
    init(
        _ writer: String,
        keys: ChainKeys,
        heads: [AuditHead],
        expected: ChainTip? = nil,
        now: Timestamp = Timestamp(microseconds: .max),
        prunableBefore cutoff: Timestamp? = nil,
        mayBeginAnywhere: Bool = false
    ) {
        report = ChainReport(writer: writer)
        self.cutoff = cutoff
        horizon = now + Self.clockTolerance
        // The signed message has no room for a longer name: two longer ones could share a chain.
        hasName = writer.utf8.count <= ChainFront.writerLimit
        self.keys = keys
        front = ChainFront(of: writer)
        self.expected = expected
        self.mayBeginAnywhere = mayBeginAnywhere
        var sound: [AuditHead] = []
        for head in Set(heads).sorted(by: { $0.sequence < $1.sequence }) {
            if Self.numbers.contains(head.sequence), head.isSigned(by: keys) {
                sound.append(head)
            } else {
                report.add(ChainBreak(.forgedHead, head.sequence))
            }
        }
        checkpoint = sound.last { $0.kind == .checkpoint }
        let pruned = checkpoint?.sequence ?? 0
        self.heads = sound.filter { $0.kind == .head && $0.sequence > pruned }.reversed()
        if let checkpoint {
            report.prunedThrough = checkpoint.sequence
            leftovers = LeftoverWalk(before: checkpoint)
            tip = (checkpoint.sequence, checkpoint.hash)
            if !checkpoint.hash.isEmpty { report.chainedFrom = checkpoint.sequence + 1 }
            for head in sound where head.kind == .head && head.sequence == pruned && head.hash != checkpoint.hash {
                report.add(ChainBreak(.rewritten, head.sequence, detail: Self.words(of: head)))
            }
        }
    }

    mutating func take(_ row: ChainRow) {
        let head = row.record?.event.withUnsafeBytes { EventDecoder.head($0) }
        guard Self.numbers.contains(row.sequence) else {
            report.events += 1
            return report.add(ChainBreak(.misnumbered, row.sequence, of: head))
        }
        notePrunable(row, head)
        if let checkpoint, row.sequence <= checkpoint.sequence {
            report.leftOver += 1
            return takeLeftover(row, head)
        }
        endLeftovers()
        report.events += 1
        if head?.kind == .decision { report.messages += 1 }
        report.first = report.first ?? row.sequence
        let isNext = place(row, head)
        let before = isNext ? tip?.hash : nil
        if let tip, row.sequence < tip.sequence { return }
        guard let record = row.record else {
            report.add(ChainBreak(.altered, row.sequence, detail: "it cannot be read as an event any more"))
            return move(to: row.sequence, nil)
        }
        guard !record.hash.isEmpty else {
            if report.chainedFrom == nil {
                report.unproven += 1
            } else {
                report.add(ChainBreak(.unchained, row.sequence, of: head))
            }
            return move(to: row.sequence, [])
        }
        guard fits(record, at: row.sequence) else {
            report.add(displaced(record, head) ?? ChainBreak(.altered, row.sequence, of: head))
            // Its own hash may be what was altered; the next event's shows it.
            return move(to: row.sequence, nil, stored: record.hash)
        }
        judgeKey(at: row.sequence, head)
        link(record, head, behind: before)
        move(to: row.sequence, record.hash)
    }

    /// Begins the part of the chain that is in the spool: nothing of it is pruned from the sink.
    mutating func enterSpool() { cutoff = nil }

    /// Ends the chain.
    mutating func finish() -> ChainReport {
        endLeftovers()
        let last = tip?.sequence ?? 0
        if let head = heads.first, head.sequence > last {
            report.add(
                ChainBreak(.truncated, last + 1, through: head.sequence, detail: Self.words(of: head))
            )
        } else if let expected, expected.sequence > last {
            report.add(
                ChainBreak(
                    .truncated,
                    last + 1,
                    through: expected.sequence,
                    detail: "the spool says that the sink had them"
                )
            )
        }
        if report.events > 0, report.chainedFrom == nil {
            report.add(ChainBreak(.unchained, report.first ?? 1, through: last))
        }
        return report
    }

    // MARK: -

    /// Compares the row's number with the one before.
    ///
    /// - Returns: whether it is the next one.
    private mutating func place(_ row: ChainRow, _ head: EventDecoder.Head?) -> Bool {
        guard let tip else {
            if row.sequence > 1, !mayBeginAnywhere { report.add(ChainBreak(.missing, 1, through: row.sequence - 1)) }
            return false
        }
        if row.sequence == tip.sequence {
            report.add(ChainBreak(.duplicate, row.sequence, of: head))
        } else if row.sequence < tip.sequence {
            report.add(ChainBreak(.reordered, row.sequence, of: head, detail: "it comes behind event \(tip.sequence)"))
        } else if row.sequence > tip.sequence + 1 {
            report.add(ChainBreak(.missing, tip.sequence + 1, through: row.sequence - 1))
        }
        return row.sequence == tip.sequence + 1
    }

    /// Counts an event to the beginning that may be pruned, or ends that.
    private mutating func notePrunable(_ row: ChainRow, _ head: EventDecoder.Head?) {
        if let head, head.at > horizon {
            report.misdated = report.misdated ?? MisdatedEvents(first: row.sequence, at: head.at, count: 0)
            report.misdated?.count += 1
        }
        guard let cutoff, let head, let record = row.record else { return }
        if row.sequence > checkpoint?.sequence ?? 0 { pending += 1 }
        // It was made before the next one, whatever its clock said: the events behind it show how old it is.
        if head.at > horizon { return }
        guard head.at < cutoff else {
            self.cutoff = nil
            return
        }
        let hash = record.hash.count == ChainKey.codeLength ? record.hash : []
        report.prunable = PrunableChain(writer: report.writer, sequence: row.sequence, hash: hash, count: pending)
    }

    // MARK: What is left of a prune

    private mutating func takeLeftover(_ row: ChainRow, _ head: EventDecoder.Head?) {
        let isGenuine = row.record.map { !$0.hash.isEmpty && fits($0, at: row.sequence) } ?? false
        if let record = row.record, record.hash.isEmpty, checkpoint?.hash.isEmpty ?? false { report.unproven += 1 }
        let begins = isGenuine && row.record.map { isStart($0) } ?? false
        if let found = leftovers?.take(row, head, isGenuine: isGenuine, begins: begins) { report.add(found) }
    }

    private mutating func endLeftovers() {
        if let found = leftovers?.end() { report.add(found) }
        leftovers = nil
    }

    // MARK: -

    /// Whether some key makes the event's hash, with the sequence given.
    private mutating func fits(_ record: SpoolRecord, at sequence: Int64) -> Bool {
        guard hasName, record.previousHash.count == ChainKey.codeLength else { return false }
        front.begin(.event, sequence)
        front.setHash(record.previousHash)
        for offset in 0..<keys.all.count {
            let index = (fitting + offset) % keys.all.count
            let code = record.event.withUnsafeBytes { keys.all[index].code(front, $0) }
            if code == record.hash {
                fitting = index
                return true
            }
        }
        return false
    }

    /// A retired key makes nothing after its end. Its holder can write any time into an event, but not in front of what the chain went on with
    /// under another key.
    private mutating func judgeKey(at sequence: Int64, _ head: EventDecoder.Head?) {
        guard keys.end(of: fitting) != nil else { return hasMovedOn = true }
        if hasMovedOn || !(head.map { keys.mayHaveMade(fitting, at: $0.at) } ?? false) {
            report.add(ChainBreak(.retiredKey, sequence, of: head))
        }
    }

    private func isStart(_ record: SpoolRecord) -> Bool {
        front.begin(.start, record.sequence)
        front.setHash([])
        return keys.all.contains { $0.code(front) == record.previousHash }
    }

    /// Whether an event that does not fit where it stands fits nearby. Asked of the first break only.
    private mutating func displaced(_ record: SpoolRecord, _ head: EventDecoder.Head?) -> ChainBreak? {
        guard report.breaks.allSatisfy({ $0.kind == .reordered }) else { return nil }
        for distance in 1...Self.searchDistance {
            for other in [record.sequence - distance, record.sequence + distance] where Self.numbers.contains(other) {
                if fits(record, at: other) {
                    return ChainBreak(
                        .reordered,
                        record.sequence,
                        of: head,
                        detail: "what stands there is event \(other)"
                    )
                }
            }
        }
        return nil
    }

    /// Compares what a whole event goes on from with the one before it.
    private mutating func link(_ record: SpoolRecord, _ head: EventDecoder.Head?, behind before: [UInt8]?) {
        let isFirst = report.chainedFrom == nil
        if isFirst { report.chainedFrom = record.sequence }
        guard record.previousHash != before else { return }
        switch before {
        case .some(let hash) where !hash.isEmpty:
            report.add(ChainBreak(.unlinked, record.sequence, of: head))
        case .some:
            // Behind events without a hash only a start is genuine: otherwise they had hashes once.
            if !isStart(record) {
                report.add(
                    ChainBreak(
                        .unchained,
                        max(1, record.sequence - Int64(max(1, report.unproven))),
                        through: record.sequence - 1,
                        detail: "the chain did not begin at \(record.sequence)"
                    )
                )
            }
        case nil:
            if record.sequence == 1, !isStart(record), !mayBeginAnywhere {
                report.add(ChainBreak(.unlinked, 1, of: head))
            }
        }
    }

    private mutating func move(to sequence: Int64, _ hash: [UInt8]?, stored: [UInt8]? = nil) {
        tip = (sequence, hash)
        report.last = sequence
        report.lastHash = hash ?? []
        while let head = heads.last, head.sequence <= sequence {
            heads.removeLast()
            guard head.sequence == sequence else { continue }
            if head.hash == hash ?? stored {
                report.headsHeld += 1
            } else {
                report.add(ChainBreak(.rewritten, sequence, detail: Self.words(of: head)))
            }
        }
        if let expected, expected.sequence == sequence, !expected.hash.isEmpty, let hash, !hash.isEmpty,
            hash != expected.hash
        {
            report.add(ChainBreak(.rewritten, sequence, detail: "the spool knows it with another hash"))
        }
    }

    private static func words(of head: AuditHead) -> String { "a head of \(head.at.rfc3339) covers it" }
}
