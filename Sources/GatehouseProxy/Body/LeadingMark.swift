internal import NIOCore

/// Takes the byte order mark off an event stream before which Gatehouse has put a comment of its own. A reader leaves one out at the very start of
/// a stream (WHATWG HTML section 9.2.6, "UTF-8 decode"); behind a comment it would be part of the first field's name.
struct LeadingMark {
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    static func mayBegin(_ bytes: ByteBuffer) -> Bool {
        bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == mark[0]
    }

    /// Bytes of the mark that have come and are held, or were made blank.
    private var held = 0
    private var isDone = false
    /// Whether the size of the chunk with the first byte has been passed on, so that nothing can be taken off it any more.
    private(set) var isFramed = false

    mutating func noteFraming() { isFramed = true }

    /// Whether no byte of a mark is waited for any more.
    var isOver: Bool { isDone }

    /// Makes line ends of the mark, as many bytes as before: between events they say nothing (WHATWG HTML section 9.2.6). For a chunk whose size
    /// was passed on already; what only begins like a mark, which no field does, is not waited for.
    ///
    /// - Returns: how many bytes at the front were changed.
    mutating func blank(_ bytes: inout ByteBuffer) -> Int {
        var count = 0
        while !isDone, let byte = bytes.getInteger(at: bytes.readerIndex + count, as: UInt8.self) {
            guard byte == Self.mark[held] else {
                isDone = true
                break
            }
            bytes.setInteger(UInt8(0x0A), at: bytes.readerIndex + count)
            count += 1
            held += 1
            isDone = held == Self.mark.count
        }
        return count
    }

    mutating func strip(_ bytes: ByteBuffer) -> ByteBuffer {
        guard !isDone else { return bytes }
        var rest = bytes
        while let byte = rest.getInteger(at: rest.readerIndex, as: UInt8.self) {
            guard byte == Self.mark[held] else {
                isDone = true
                guard held > 0 else { return rest }
                var all = ByteBuffer(bytes: Self.mark[..<held])
                all.writeBuffer(&rest)
                return all
            }
            rest.moveReaderIndex(forwardBy: 1)
            held += 1
            if held == Self.mark.count {
                isDone = true
                return rest
            }
        }
        return rest
    }
}
