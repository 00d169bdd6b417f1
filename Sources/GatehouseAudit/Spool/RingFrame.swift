/// One event in a ring: a length of 4 bytes, a sum of 4, the event, and zeroes up to a multiple of 8.
///
/// The sum takes the frame's position in, so that what an earlier lap left behind is never taken for an event. It is not the
/// segment's CRC: what kill -9 leaves in a ring is whole by its positions already, and the sum, which guards against a power
/// cut, costs the event loop a third of what a CRC would.
enum RingFrame {
    static let headerLength = 8
    static let maximumLength = headerLength + (EventEncoder.maximumLength + 15) & ~7
    /// What must be free before an event without recorded arguments is written without asking for its length first.
    static let plainLength = headerLength + (EventEncoder.plainLength + 15) & ~7

    /// The length of a frame in the ring.
    @inline(__always) static func length(ofEvent length: Int) -> Int { headerLength + (length + 7) & ~7 }

    /// Completes the frame of an event that stands at `start + headerLength`.
    @inline(__always)
    static func seal(_ start: UnsafeMutableRawPointer, length: Int, position: UInt64) {
        let event = start + headerLength
        let padding = (event + (length & ~7)).loadUnaligned(as: UInt64.self).littleEndian
        let kept: UInt64 = length & 7 == 0 ? 0 : padding & ((1 << UInt64(length & 7 * 8)) &- 1)
        if length & 7 != 0 { (event + (length & ~7)).storeBytes(of: kept.littleEndian, as: UInt64.self) }
        start.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, as: UInt32.self)
        let sum = sum(event, words: (length + 7) >> 3, length: length, position: position)
        (start + 4).storeBytes(of: sum.littleEndian, as: UInt32.self)
    }

    @inline(__always)
    static func sum(_ start: UnsafeRawPointer, words: Int, length: Int, position: UInt64) -> UInt32 {
        var mixed = position &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: length)
        for index in 0..<words {
            mixed =
                (mixed ^ UInt64(littleEndian: start.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)))
                &* 0xD6E8_FEB8_6659_FD93
            mixed ^= mixed >> 32
        }
        return UInt32(truncatingIfNeeded: mixed)
    }
}
