/// Takes an event stream apart as it passes: which bytes are data, and where an event ends (WHATWG HTML section 9.2.5).
struct EventLines: Sendable {
    enum Piece {
        /// Field names, colons, line ends, comments, fields other than `data`.
        case framing
        /// Part of the value of a `data` field.
        case data
        /// The same in an event that names itself `endpoint` before its data, as every server known does.
        case address
        /// The blank line that ends an event has begun; the range is empty.
        case end
    }

    private enum Place {
        /// Before the stream's first byte, where a byte order mark may stand.
        case start
        case lineStart
        case name
        /// Behind the colon, where one space is no part of the value.
        case dataStart
        case data
        case eventStart
        case event
        case other
    }

    private var place = Place.start
    private var followsCR = false
    /// Name of the field, and the event's type, as far as they matter.
    private var word = InlineArray<9, UInt8>(repeating: 0)
    private var count = 0
    private var isEndpoint = false

    @inline(__always)
    mutating func split(_ bytes: UnsafeRawBufferPointer, _ take: (Piece, Range<Int>) -> Void) {
        var at = 0
        var run = 0
        while at < bytes.count {
            let byte = bytes[at]
            if place == .dataStart, byte != 0x20 { place = .data }
            if place == .data, byte != 0x0A, byte != 0x0D {
                if run < at { take(.framing, run..<at) }
                let end = Self.lineEnd(bytes, from: at)
                take(isEndpoint ? .address : .data, at..<end)
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
                if place == .event || place == .eventStart { isEndpoint = isWord("endpoint") }
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
            place = isWord("data") ? .dataStart : isWord("event") ? .eventStart : .other
            count = 0
        case .dataStart: place = .data
        case .eventStart:
            place = .event
            if byte != 0x20 { add(byte) }
        case .event: add(byte)
        case .data, .other: break
        }
    }

    private mutating func begin(_ byte: UInt8) {
        count = 0
        place = byte == 0x3A ? .other : .name
        add(byte)
    }

    private mutating func add(_ byte: UInt8) {
        if count < 9 { word[count] = byte }
        count = min(count + 1, 10)
    }

    private func isWord(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where word[index] != text.utf8Start[index] { return false }
        return true
    }

    /// The first line end from `start` on, or the end of the bytes.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while bytes.count - at >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            guard (ByteWord.equal(word, 0x0A) | ByteWord.equal(word, 0x0D)) == 0 else { break }
            at += 8
        }
        while at < bytes.count, bytes[at] != 0x0A, bytes[at] != 0x0D { at += 1 }
        return at
    }
}

/// Eight bytes at a time.
enum ByteWord {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Not zero when one of the bytes is `byte`; marks above the first may be wrong.
    @inline(__always)
    static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & highs
    }
}
