package import GatehouseCore

/// A fault at one place of a chain.
package struct ChainBreak: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// Events are gone; the events around the gap are unchanged.
        case missing
        /// An event's hash does not fit what it says.
        case altered
        /// An event stands in another one's place.
        case reordered
        /// Rows under a number that no writer gives.
        case misnumbered
        /// Several events have one place.
        case duplicate
        /// An event is whole but goes on from another one than stands before it.
        case unlinked
        /// Events carry no hash although the chain had begun.
        case unchained
        /// The newest events that a head covers are not there.
        case truncated
        /// An event is not the one that a head covers.
        case rewritten
        /// A head or checkpoint that no key has signed.
        case forgedHead = "forged_head"
        /// An event is whole, but made under a master key that was retired by then.
        case retiredKey = "retired_key"
        /// Bytes of a segment that are no record.
        case damaged
    }

    package let kind: Kind
    /// The first event that it is about, and the last.
    package let sequence: Int64
    package var through: Int64
    /// The event's own id and time, as they stand there.
    package var id: EventID?
    package var at: Timestamp?
    /// Further details, for people.
    package var detail: String?

    init(
        _ kind: Kind,
        _ sequence: Int64,
        through: Int64? = nil,
        of head: EventDecoder.Head? = nil,
        detail: String? = nil
    ) {
        self.kind = kind
        self.sequence = sequence
        self.through = through ?? sequence
        id = head?.id
        at = head?.at
        self.detail = detail
    }

    package var description: String {
        let events = sequence == through ? "event \(sequence)" : "events \(sequence) to \(through)"
        let these = sequence == through ? "it" : "they"
        let text =
            switch kind {
            case .missing: "\(events) missing: a gap, what stands around it is unchanged"
            case .altered: "\(events) altered: \(these == "it" ? "its hash does" : "their hashes do") not fit"
            case .reordered: "\(events) reordered: what stands there belongs elsewhere"
            case .misnumbered: "\(events) under a number that no writer gives: they were put there"
            case .duplicate: "\(events) there more than once"
            case .unlinked: "\(events) whole, but not what came after the event before: one of them was exchanged"
            case .unchained:
                "\(events) without a hash, which \(these) had when the chain had begun: nothing proves \(these == "it" ? "it" : "them")"
            case .truncated: "\(events) cut off, or not arrived yet: the log ends before"
            case .rewritten: "\(events) rewritten: not what was there when its head was made"
            case .forgedHead: "the head of \(events) is not signed by any key of this configuration"
            case .retiredKey:
                "\(events) made under a master key that was retired by then: by an instance that was not restarted, or by somebody who has that key"
            case .damaged: "behind \(events) there are bytes that are no record"
            }
        var whole = text
        if let id, let at { whole += " (\(id), \(at.rfc3339))" }
        if let detail { whole += "; \(detail)" }
        return whole
    }
}

/// Events that are dated ahead of the time of the verification by a day or more.
package struct MisdatedEvents: Hashable, Sendable {
    package let first: Int64
    /// The time of the first one.
    package let at: Timestamp
    package var count: Int

    package init(first: Int64, at: Timestamp, count: Int) {
        self.first = first
        self.at = at
        self.count = count
    }
}

/// The result of verifying one writer's chain.
package struct ChainReport: Hashable, Sendable {
    /// Breaks that are kept; of more only the number is.
    package static let maximumBreaks = 20

    package let writer: String
    package var events = 0
    /// Decisions among them: messages, each of which is one row of `audit_requests`.
    package var messages = 0
    package var first: Int64?
    package var last: Int64?
    /// The hash of the last event, empty when that is not chained.
    package var lastHash: [UInt8] = []
    /// The first event that the chain covers; nil when it covers none.
    package var chainedFrom: Int64?
    /// Events before the chain began, as a release before it wrote them: nothing proves them.
    package var unproven = 0
    /// The last event that was pruned; nil when none was.
    package var prunedThrough: Int64?
    /// Events that were pruned and are still there: a prune was interrupted, and the next one goes on.
    package var leftOver = 0
    /// Events dated ahead of now, which a wrong clock made. Nothing is wrong with their chain.
    package var misdated: MisdatedEvents?
    /// How far the chain may be pruned, if it was asked.
    package var prunable: PrunableChain?
    /// Events that agree with a head.
    package var headsHeld = 0
    /// The first ones, in the order in which they were met.
    package var breaks: [ChainBreak] = []
    package var breakCount = 0

    package var holds: Bool { breakCount == 0 }

    /// Rows of the sink that were looked at.
    var judged = 0

    init(writer: String) { self.writer = writer }

    mutating func add(_ found: ChainBreak) {
        if let last = breaks.last, last.kind == found.kind, last.through &+ 1 == found.sequence,
            found.sequence > last.through, found.detail == last.detail
        {
            breaks[breaks.count - 1].through = found.through
            return
        }
        breakCount += 1
        if breaks.count < Self.maximumBreaks { breaks.append(found) }
    }
}
