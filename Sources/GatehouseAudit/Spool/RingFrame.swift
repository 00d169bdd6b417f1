internal import GatehouseCore

/// One event in a ring: a length of 8 bytes, a sum of 8, the event, and zeroes up to a multiple of 8.
///
/// The sum is SipHash-2-4 over the frame's position and the event, under the ring's own key (``RingKeys``): a process that can write the file, but
/// has no key, makes no frame that counts, and moves none to another place, ring or process. It is no HMAC, as the
/// chain's hash is, since the event loop pays for it.
enum RingFrame {
    static let headerLength = 16
    static let sumOffset = 8
    static let maximumLength = headerLength + (EventEncoder.maximumLength + 15) & ~7
    /// Bytes that must be free before an event without recorded arguments is written without computing its length first.
    static let plainLength = headerLength + (EventEncoder.plainLength + 15) & ~7

    /// The length of a frame in the ring.
    @inline(__always) static func length(ofEvent length: Int) -> Int { headerLength + (length + 7) & ~7 }

    /// Completes the frame of an event that stands at `start + headerLength`, with room for its padding.
    @inline(__always)
    static func seal(_ start: UnsafeMutableRawPointer, length: Int, position: UInt64, key: SipHash.Key) {
        let event = start + headerLength
        if length & 7 != 0 {
            let rest = (event + (length & ~7)).loadUnaligned(as: UInt64.self).littleEndian
            let kept = rest & ((1 &<< UInt64(truncatingIfNeeded: length & 7 &* 8)) &- 1)
            (event + (length & ~7)).storeBytes(of: kept.littleEndian, as: UInt64.self)
        }
        start.storeBytes(of: UInt64(truncatingIfNeeded: length).littleEndian, as: UInt64.self)
        let sum = sum(event, length: length, position: position, key: key)
        (start + sumOffset).storeBytes(of: sum.littleEndian, as: UInt64.self)
    }

    /// The length of the event that a frame says it holds; nil when no frame of so many bytes can.
    @inline(__always)
    static func eventLength(_ frame: UnsafeRawPointer, within left: UInt64) -> Int? {
        let length = UInt64(littleEndian: frame.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(EventEncoder.maximumLength),
            UInt64(Self.length(ofEvent: Int(truncatingIfNeeded: length))) <= left
        else { return nil }
        return Int(truncatingIfNeeded: length)
    }

    /// Whether the sum of a whole frame is its own.
    @inline(__always)
    static func holds(_ frame: UnsafeRawPointer, length: Int, position: UInt64, key: SipHash.Key) -> Bool {
        UInt64(littleEndian: frame.loadUnaligned(fromByteOffset: sumOffset, as: UInt64.self))
            == sum(frame + headerLength, length: length, position: position, key: key)
    }

    /// - Parameter start: the event, padded to whole words.
    @inline(__always)
    static func sum(_ start: UnsafeRawPointer, length: Int, position: UInt64, key: SipHash.Key) -> UInt64 {
        @inline(__always) func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        var code = SipHash(key)
        code.compress(position)
        let whole = length & ~7
        var offset = 0
        while offset < whole {
            code.compress(word(offset))
            offset &+= 8
        }
        code.compress(rest: whole == length ? 0 : word(whole), length: length &+ 8)
        return code.code()
    }
}
