package import GatehouseCore
internal import Glibc

/// Reads an upstream's answer as it passes, as JSON or as an event stream: notes what became of the call, leaves out of lists
/// what the caller may not use, binds to the caller what it is handed, and gives the legacy `endpoint` event a new address. Every
/// byte that is none of these passes as it came.
///
/// Holds one entry of a list at a time, or one address, and nothing else: what is put in stands behind text that has passed. A class, because it is
/// handed from read to read and would be copied each time.
@usableFromInline
package final class AnswerReader {
    /// The kinds of edit to make. With none of them the reader only observes, and emits no bytes.
    @usableFromInline
    package struct Edits: OptionSet, Sendable {
        @usableFromInline package let rawValue: UInt8
        @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Entries of lists.
        @inlinable package static var lists: Edits { Edits(rawValue: 1) }
        @inlinable package static var endpoint: Edits { Edits(rawValue: 2) }
        /// Tasks and request states.
        @inlinable package static var values: Edits { Edits(rawValue: 4) }
        /// The ids of events.
        @inlinable package static var events: Edits { Edits(rawValue: 8) }
        /// `cacheScope`, which becomes `private`.
        @inlinable package static var privateScope: Edits { Edits(rawValue: 16) }
    }

    /// Bytes of one list entry with the white space before it; a longer one is withheld.
    package static let maximumEntry = 1 << 20
    /// Bytes of the data of an `endpoint` event; what goes beyond them passes as it is.
    package static let maximumEndpoint = 8 << 10
    /// Bytes of an event's id; a longer one is passed on unchanged, and cannot be presented again.
    package static let maximumEventID = 1024
    /// Bytes of an answer, or of one event, that an observer follows; what comes behind them says nothing about the outcome.
    package static let observedBytes = 256 << 10

    package let edits: Edits
    /// Whether text that is no message, and so could be a list in any form, is withheld. In event streams it is what servers keep them alive with.
    private let withholdsForeign: Bool
    private var lines: EventLines?
    private var walker: AnswerWalker
    private var observed = 0
    private var hold = EntryHold()
    private var endpoint: [UInt8] = []
    private var values = AnsweredValues()
    private var eventID = SplitText(limit: maximumEventID)

    package init(isEventStream: Bool, edits: Edits) {
        self.edits = edits
        withholdsForeign = edits.contains(.lists) && !isEventStream
        walker = AnswerWalker(looksForValues: edits.contains(.values) || edits.contains(.privateScope))
        lines = isEventStream ? EventLines() : nil
    }

    /// List entries that were withheld because they were longer than ``maximumEntry`` or named nothing clearly.
    package var unreadableEntries: Int { hold.unreadable }

    /// The tools that lists define in another way than was seen last, on a route that pins them, since this was asked last. A list counts once it has ended.
    package func takeNews() -> [ToolDefinition] { hold.takeNews() }

    /// Whether the server has said since this was asked last that its list of tools has changed.
    package func takeChangeOfTools() -> Bool { values.takeChangeOfTools() }

    /// The outcome as the audit records it: the code of a JSON-RPC error, or that a tool's result says it failed.
    package var outcome: String? {
        switch walker.outcome {
        case .none: nil
        case .failedTool: "isError"
        case .error(let code): code.map { String($0) } ?? "error"
        }
    }

    /// Whether an answer names something that is handed out to a caller, in plain letters.
    package static func mayHandOut(_ answer: UnsafeRawBufferPointer) -> Bool {
        // Capitals are what is rarest in such a name.
        holds(answer, "taskId", capital: 4) || holds(answer, "requestState", capital: 7)
    }

    private static func holds(_ answer: UnsafeRawBufferPointer, _ name: StaticString, capital: Int) -> Bool {
        guard let start = answer.baseAddress else { return false }
        let letter = Int32(name.utf8Start[capital])
        var at = capital
        while at < answer.count, let found = memchr(start + at, letter, answer.count - at) {
            let place = found - UnsafeMutableRawPointer(mutating: start)
            let first = place - capital
            if first + name.utf8CodeUnitCount <= answer.count,
                memcmp(start + first, name.utf8Start, name.utf8CodeUnitCount) == 0
            {
                return true
            }
            at = place + 1
        }
        return false
    }

    /// Follows bytes without changing them.
    package func observe(_ bytes: UnsafeRawBufferPointer) {
        guard lines != nil else { return observe(bytes, 0..<bytes.count) }
        lines?.split(bytes) { piece, range in
            switch piece {
            case .framing, .address, .id, .idEnd: break
            case .data: observe(bytes, range)
            case .end:
                walker.reset()
                observed = 0
            }
        }
    }

    private func observe(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard observed < Self.observedBytes else { return }
        observed += range.count
        walker.walk(bytes, range) { _, _ in }
    }

    /// Takes bytes of the answer and emits those that the client gets.
    ///
    /// - Parameters:
    ///   - pins: the tools as they were approved, on a route that pins them.
    ///   - tag: makes the tag that binds a value to the caller.
    ///   - address: makes the client's `endpoint` event data from the upstream's.
    ///   - emit: gets bytes that are valid during the call.
    package func edit(
        _ bytes: UnsafeRawBufferPointer,
        permits: Permits,
        pins: RoutePins? = nil,
        tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]? = { _, _ in nil },
        address: (UnsafeRawBufferPointer) -> [UInt8],
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        hold.begin()
        eventID.resume(at: 0)
        if lines != nil {
            lines?.split(bytes) { piece, range in
                switch piece {
                case .framing:
                    release(address, emit)
                    hold.framing(bytes, range, emit)
                case .id, .idEnd:
                    release(address, emit)
                    hold.framing(bytes, range, emit)
                    if piece == .idEnd {
                        bindEvent(bytes, range.lowerBound, tag, emit)
                    } else if !eventID.isOpen {
                        eventID.begin(at: range.lowerBound)
                    }
                case .data: follow(bytes, range, permits, pins, tag, emit)
                case .address where edits.contains(.endpoint) && endpoint.count + range.count <= Self.maximumEndpoint:
                    hold.advance(bytes, to: range.lowerBound, emit)
                    hold.skip(to: range.upperBound)
                    endpoint.append(contentsOf: bytes[range])
                case .address:
                    release(address, emit)
                    follow(bytes, range, permits, pins, tag, emit)
                case .end:
                    hold.abandon(emit)
                    walker.reset()
                    values.reset()
                }
            }
        } else {
            follow(bytes, 0..<bytes.count, permits, pins, tag, emit)
        }
        eventID.pause(bytes, at: bytes.count)
        hold.advance(bytes, to: bytes.count, emit)
    }

    private func follow(
        _ bytes: UnsafeRawBufferPointer,
        _ range: Range<Int>,
        _ permits: Permits,
        _ pins: RoutePins?,
        _ tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]?,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        values.resume(at: range.lowerBound)
        walker.walk(bytes, range) { event, offset in
            switch event {
            case .valueBegan(let value):
                values.begin(value, at: offset)
                if values.isReplacing(edits) { hold.advance(bytes, to: offset, emit) }
            case .valueEnded:
                if values.isReplacing(edits) { hold.skip(to: offset) }
                guard let inserted = values.end(bytes, at: offset, edits, tag) else { return }
                hold.advance(bytes, to: offset, emit)
                hold.insert(inserted, emit)
            case .foreignBegan: if withholdsForeign { hold.advance(bytes, to: offset, emit) }
            case .listBegan, .entryBegan, .entryEnded, .listEnded:
                if edits.contains(.lists) { hold.noted(event, at: offset, in: bytes, permits, pins, emit) }
            }
        }
        if values.isReplacing(edits) || withholdsForeign && walker.isForeign { hold.skip(to: range.upperBound) }
        values.pause(bytes, at: range.upperBound)
    }

    /// Puts a tag behind the id of an event, which ends here.
    private func bindEvent(
        _ bytes: UnsafeRawBufferPointer,
        _ end: Int,
        _ tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]?,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        let tag = eventID.finish(bytes, at: end) { id -> [UInt8]? in
            // White space before a field's value is no part of it, so a client comes back without it.
            guard let first = id.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return nil }
            return edits.contains(.events) ? tag(.event, UnsafeRawBufferPointer(rebasing: id[first...])) : nil
        }
        guard let tag else { return }
        hold.advance(bytes, to: end, emit)
        hold.insert(tag, emit)
    }

    /// Emits the address of an `endpoint` event, which is whole when another field or event follows.
    private func release(
        _ address: (UnsafeRawBufferPointer) -> [UInt8],
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        guard !endpoint.isEmpty else { return }
        let new = endpoint.withUnsafeBytes(address)
        endpoint = []
        new.withUnsafeBytes(emit)
    }
}
