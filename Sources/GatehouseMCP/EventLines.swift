internal import GatehouseCore

/// Takes an event stream apart as it passes: which bytes are data, and where an event ends (WHATWG HTML section 9.2.5).
struct EventLines: Sendable {
    enum Piece {
        /// Field names, colons, line ends, comments, fields other than `data`.
        case framing
        /// Part of the value of a `data` field.
        case data
        /// The same in an event that names itself `endpoint` before its data, as every server known does.
        case address
        /// Part of the event's id, and where it ends; the range of the end is empty.
        case id
        case idEnd
        /// The blank line that ends an event has begun; the range is empty.
        case end
    }

    private enum Place {
        /// Before the stream's first byte, which may begin a byte order mark.
        case start
        case lineStart
        case name
        /// Behind the colon, where one space is no part of the value.
        case dataStart
        case data
        case eventStart
        case event
        /// Behind the colon of `id`, where one space is no part of the value.
        case idStart
        case id
        case other
    }

    private var place = Place.start
    private var followsCR = false
    /// The last eight bytes of the field's name, or of the event's type, the last one lowest: no word that matters is longer.
    private var word: UInt64 = 0
    private var count = 0
    private var isEndpoint = false

    @inline(__always)
    mutating func split(_ bytes: UnsafeRawBufferPointer, _ take: (Piece, Range<Int>) -> Void) {
        var at = 0
        var run = 0
        while at < bytes.count {
            let byte = bytes[at]
            if place == .dataStart, byte != 0x20 { place = .data }
            if place == .idStart, byte != 0x20 { place = .id }
            if place == .data || place == .id, byte != 0x0A, byte != 0x0D {
                if run < at { take(.framing, run..<at) }
                let end = Self.lineEnd(bytes, from: at)
                take(place == .id ? .id : isEndpoint ? .address : .data, at..<end)
                at = end
                run = end
                continue
            }
            at += 1
            if byte == 0x0A, followsCR {
                followsCR = false
                continue
            }
            followsCR = byte == 0x0D
            if byte == 0x0A || byte == 0x0D {
                let isBlank = place == .lineStart || place == .start
                if place == .id {
                    // The field's name, where it has no value.
                    if run < at - 1 { take(.framing, run..<at - 1) }
                    run = at - 1
                    take(.idEnd, at - 1..<at - 1)
                }
                if place == .event || place == .eventStart { isEndpoint = isWord(Self.endpoint, 8) }
                // A line without a colon is a field without a value: it ends no data and names no type.
                place = .lineStart
                if isBlank {
                    take(.framing, run..<at)
                    run = at
                    take(.end, at..<at)
                    isEndpoint = false
                }
                continue
            }
            step(byte)
        }
        if run < at { take(.framing, run..<at) }
    }

    private mutating func step(_ byte: UInt8) {
        switch place {
        case .start:
            guard byte != 0xEF, byte != 0xBB, byte != 0xBF else { return }
            begin(byte)
        case .lineStart: begin(byte)
        case .name:
            guard byte == 0x3A else { return add(byte) }
            place =
                isWord(Self.data, 4)
                ? .dataStart : isWord(Self.event, 5) ? .eventStart : isWord(Self.id, 2) ? .idStart : .other
            (word, count) = (0, 0)
        case .dataStart: place = .data
        case .idStart: place = .id
        case .eventStart:
            place = .event
            if byte != 0x20 { add(byte) }
        case .event: add(byte)
        case .data, .id, .other: break
        }
    }

    private mutating func begin(_ byte: UInt8) {
        (word, count) = (0, 0)
        place = byte == 0x3A ? .other : .name
        add(byte)
    }

    private mutating func add(_ byte: UInt8) {
        word = word &<< 8 | UInt64(byte)
        count = min(count &+ 1, 9)
    }

    private static var data: UInt64 { 0x6461_7461 }
    private static var id: UInt64 { 0x6964 }
    private static var event: UInt64 { 0x65_7665_6E74 }
    private static var endpoint: UInt64 { 0x656E_6470_6F69_6E74 }

    private func isWord(_ word: UInt64, _ count: Int) -> Bool { self.word == word && self.count == count }

    /// The first line end from `start` on, or the end of the bytes.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return start }
        var at = start
        while at &+ 8 <= bytes.count {
            let word = ByteWord.load(base, at)
            let marks = ByteWord.equal(word, 0x0A) | ByteWord.equal(word, 0x0D)
            if marks != 0 { return at &+ ByteWord.index(marks) }
            at &+= 8
        }
        while at < bytes.count, bytes[at] != 0x0A, bytes[at] != 0x0D { at &+= 1 }
        return at
    }
}
