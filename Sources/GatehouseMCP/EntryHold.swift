internal import GatehouseCore

/// Passes the bytes of an answer on, and holds those of a list entry until it is decided whether the caller may see it.
struct EntryHold: Sendable {
    private var isHolding = false
    private var list = AnsweredList.tools
    /// The separator before an entry, and the entry.
    private var held: [UInt8] = []
    /// The parts of `held` that are framing of the event stream.
    private var frames: [Range<Int>] = []
    private var entry = 0
    private var hasKept = false
    /// The start of the bytes in the present slice that are not handed on.
    private var run = 0
    /// The entry under way is longer than may be held, and withheld.
    private var isDropping = false
    /// Entries that were withheld because they were too long, or named nothing clearly.
    private(set) var unreadable = 0
    /// The tools of this answer, on a route that pins them.
    private var seen = SeenTools()
    /// Tools that are defined in another way than was seen last, of the lists that have ended, which may be those of several events.
    private var news: [ToolName: ToolDefinition] = [:]

    mutating func begin() { run = 0 }

    /// Passes on or holds the bytes before `end`.
    mutating func advance(
        _ bytes: UnsafeRawBufferPointer,
        to end: Int,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        guard run < end else { return }
        let part = UnsafeRawBufferPointer(rebasing: bytes[run..<end])
        run = end
        guard isHolding else { return emit(part) }
        if !isDropping, held.count + part.count > AnswerReader.maximumEntry { drop(emit) }
        if !isDropping { held.append(contentsOf: part) }
    }

    /// Discards the entry under way, except for the event stream's framing.
    private mutating func drop(_ emit: (UnsafeRawBufferPointer) -> Void) {
        emitFrames(emit)
        forget()
        isDropping = true
    }

    mutating func skip(to end: Int) { run = end }

    /// Inserts bytes at the present place; in an event stream's framing, while an entry is held.
    mutating func insert(_ bytes: [UInt8], _ emit: (UnsafeRawBufferPointer) -> Void) {
        guard isHolding, !isDropping else { return bytes.withUnsafeBytes(emit) }
        frames.append(held.count..<held.count + bytes.count)
        held += bytes
    }

    mutating func framing(
        _ bytes: UnsafeRawBufferPointer,
        _ range: Range<Int>,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        guard isHolding else { return }
        advance(bytes, to: range.lowerBound, emit)
        if !isDropping, held.count + range.count > AnswerReader.maximumEntry { drop(emit) }
        guard !isDropping else {
            emit(UnsafeRawBufferPointer(rebasing: bytes[range]))
            return skip(to: range.upperBound)
        }
        let start = held.count
        advance(bytes, to: range.upperBound, emit)
        frames.append(start..<held.count)
    }

    mutating func noted(
        _ event: AnswerWalker.Event,
        at offset: Int,
        in bytes: UnsafeRawBufferPointer,
        _ permits: Permits,
        _ pins: RoutePins?,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        if case .listBegan(let list) = event {
            guard permits.restricts(list.kind) else { return }
            advance(bytes, to: offset, emit)
            self.list = list
            isHolding = true
            hasKept = false
            return
        }
        guard isHolding else { return }
        advance(bytes, to: offset, emit)
        switch event {
        case .entryBegan: entry = held.count
        case .entryEnded: decide(permits, pins, emit)
        case .listEnded:
            held.withUnsafeBytes(emit)
            end()
            if let pins { for tool in seen.news(to: pins) { news[tool.name] = tool } }
        case .listBegan, .valueBegan, .valueEnded, .foreignBegan: break
        }
    }

    /// The news since this was asked last.
    mutating func takeNews() -> [ToolDefinition] {
        defer { news = [:] }
        return Array(news.values)
    }

    private mutating func end() {
        forget()
        isHolding = false
        isDropping = false
    }

    /// The event ends within a list: no client can read that, and none of the held bytes are emitted.
    mutating func abandon(_ emit: (UnsafeRawBufferPointer) -> Void) {
        seen = SeenTools()
        emitFrames(emit)
        end()
    }

    private mutating func decide(
        _ permits: Permits,
        _ pins: RoutePins?,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        let verdict = isDropping ? .unreadable : verdict(permits, pins)
        isDropping = false
        if verdict == .unreadable { unreadable += 1 }
        if verdict == .shown {
            if hasKept {
                held.withUnsafeBytes(emit)
            } else {
                // The first that stays is not preceded by a comma.
                held.withUnsafeBytes { bytes in
                    let comma = bytes[..<entry].firstIndex(of: 0x2C)
                    emit(UnsafeRawBufferPointer(rebasing: bytes[..<(comma ?? 0)]))
                    emit(UnsafeRawBufferPointer(rebasing: bytes[(comma.map { $0 + 1 } ?? 0)...]))
                }
                hasKept = true
            }
        } else {
            emitFrames(emit)
        }
        forget()
    }

    private mutating func forget() {
        held.removeAll(keepingCapacity: isHolding)
        frames.removeAll(keepingCapacity: true)
        entry = 0
    }

    private func emitFrames(_ emit: (UnsafeRawBufferPointer) -> Void) {
        held.withUnsafeBytes { bytes in
            for frame in frames { emit(UnsafeRawBufferPointer(rebasing: bytes[frame])) }
        }
    }

    private mutating func verdict(_ permits: Permits, _ pins: RoutePins?) -> AnsweredList.Verdict {
        guard !frames.isEmpty else { return verdict(on: held, from: entry, permits, pins) }
        var document: [UInt8] = []
        document.reserveCapacity(held.count)
        var at = 0
        var start = entry
        for frame in frames {
            document += held[at..<frame.lowerBound]
            // A line end within the data is white space in the document.
            document.append(0x20)
            at = frame.upperBound
            if at <= entry { start -= frame.count - 1 }
        }
        document += held[at...]
        return verdict(on: document, from: start, permits, pins)
    }

    private mutating func verdict(
        on bytes: [UInt8],
        from start: Int,
        _ permits: Permits,
        _ pins: RoutePins?
    ) -> AnsweredList.Verdict {
        bytes.withUnsafeBytes {
            list.verdict(on: UnsafeRawBufferPointer(rebasing: $0[start...]), for: permits, pins, &seen)
        }
    }
}
