/// The events that a ring file of a dead process still holds.
struct RingImage {
    /// In canonical form, oldest first.
    private(set) var events: [[UInt8]] = []
    /// Bytes between the last whole event and the committed position: what could not be read. 0 after every mere kill.
    private(set) var cut = 0

    /// Reads the bytes of a ring file. Anything that is not one has no events.
    init(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { read($0) }
    }

    private mutating func read(_ file: UnsafeRawBufferPointer) {
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard file.count > SpoolRing.headerLength, word(0) == SpoolRing.magic,
            let size = Int(exactly: word(SpoolRing.sizeOffset)), AuditSettings.laneSizes.contains(size),
            size & (size - 1) == 0
        else { return }
        let committed = word(SpoolRing.committedOffset)
        var position = word(SpoolRing.releasedOffset)
        guard committed >= position, committed - position <= UInt64(size) else {
            cut = 1
            return
        }
        let data = UnsafeRawBufferPointer(rebasing: file[SpoolRing.headerLength...].prefix(size))
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: RingFrame.maximumLength, alignment: 8)
        defer { room.deallocate() }
        /// Copies `count` bytes from a position, around the end; false where the file is cut off.
        func copy(_ count: Int, from position: UInt64) -> Bool {
            for index in 0..<count {
                let place = Int(truncatingIfNeeded: (position + UInt64(index)) & UInt64(size - 1))
                guard place < data.count else { return false }
                room[index] = data[place]
            }
            return true
        }
        while position < committed {
            let left = committed - position
            guard left >= RingFrame.headerLength, copy(RingFrame.headerLength, from: position) else { break }
            let length = Int(UInt32(littleEndian: room.loadUnaligned(as: UInt32.self)))
            guard length <= EventEncoder.maximumLength, RingFrame.length(ofEvent: length) <= left,
                copy(RingFrame.length(ofEvent: length), from: position), let start = room.baseAddress
            else { break }
            let event = UnsafeRawBufferPointer(start: start + RingFrame.headerLength, count: length)
            let words = (length + 7) >> 3
            let sum = RingFrame.sum(start + RingFrame.headerLength, words: words, length: length, position: position)
            guard UInt32(littleEndian: room.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) == sum,
                EventDecoder.event(event) != nil
            else { break }
            events.append(Array(event))
            position += UInt64(RingFrame.length(ofEvent: length))
        }
        cut = Int(committed - position)
    }
}
