internal import GatehouseCore

/// The events that a ring file of a dead process still holds, as far as a key vouches for them.
struct RingImage {
    /// The events in canonical form, oldest first.
    private(set) var events: [[UInt8]] = []
    /// Bytes between the last event that a key vouches for and the committed position. 0 after every mere kill.
    private(set) var cut = 0

    /// Reads the bytes of a ring file. Anything that is not one has no events.
    ///
    /// A ring of the release before, whose sums anybody can make, is cut as a whole: a mark in the spool that would tell a genuine one from
    /// a planted one could be removed by the same attacker.
    init(_ bytes: [UInt8], writer: String, lane: Int, keys: RingKeys) {
        bytes.withUnsafeBytes { read($0, writer, lane, keys) }
    }

    private mutating func read(_ file: UnsafeRawBufferPointer, _ writer: String, _ lane: Int, _ keys: RingKeys) {
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard file.count > SpoolRing.headerLength, [SpoolRing.magic, SpoolRing.formerMagic].contains(word(0)),
            let size = Int(exactly: word(SpoolRing.sizeOffset)), AuditSystem.Settings.laneSizes.contains(size),
            size & (size - 1) == 0
        else { return }
        let committed = word(SpoolRing.committedOffset)
        var position = word(SpoolRing.releasedOffset)
        guard committed >= position, committed - position <= UInt64(size) else {
            cut = 1
            return
        }
        defer { cut = Int(committed - position) }
        guard word(0) == SpoolRing.magic else { return }
        let data = UnsafeRawBufferPointer(rebasing: file[SpoolRing.headerLength...].prefix(size))
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: RingFrame.maximumLength, alignment: 8)
        defer { room.deallocate() }
        guard let frame = UnsafeRawPointer(room.baseAddress) else { return }
        /// Copies `count` bytes from a position, around the end; false where the file is cut off.
        func copy(_ count: Int, from position: UInt64) -> Bool {
            for index in 0..<count {
                let place = Int(truncatingIfNeeded: (position &+ UInt64(index)) & UInt64(size - 1))
                guard place < data.count else { return false }
                room[index] = data[place]
            }
            return true
        }
        let mark = (word(SpoolRing.markOffset), word(SpoolRing.markOffset + 8))
        let candidates = keys.all(RingKeys.Place(writer: writer, lane: lane, mark: mark))
        while position < committed {
            let left = committed - position
            guard left >= RingFrame.headerLength, copy(RingFrame.headerLength, from: position),
                let length = RingFrame.eventLength(frame, within: left),
                copy(RingFrame.length(ofEvent: length), from: position),
                candidates.contains(where: {
                    RingFrame.holds(frame, length: length, position: position, key: $0)
                })
            else { return }
            let event = UnsafeRawBufferPointer(start: frame + RingFrame.headerLength, count: length)
            guard EventDecoder.event(event) != nil else { return }
            events.append(Array(event))
            position += UInt64(RingFrame.length(ofEvent: length))
        }
    }
}
