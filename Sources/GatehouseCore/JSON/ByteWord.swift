/// Eight bytes at a time within a 64-bit word: portable, and faster here than the vector types, whose any-of reductions compile to
/// long sequences. Little-endian order is assumed: lowest address, lowest bits.
///
/// Members that are called for single bytes or words are inlined into other modules. For that the type must be usable from inline code too: without
/// it Swift ignores `@inlinable` on a member of a package type and emits a call.
@usableFromInline
package enum ByteWord {
    @inlinable package static var ones: UInt64 { 0x0101_0101_0101_0101 }
    @inlinable package static var highs: UInt64 { 0x8080_8080_8080_8080 }

    /// Eight bytes as they lie in memory.
    @inlinable @inline(__always)
    package static func load(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Marks the high bit of the first byte that equals `byte`; bytes above it may be marked too.
    @inlinable @inline(__always)
    package static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & highs
    }

    /// How many bytes stand below the first mark.
    @inlinable @inline(__always)
    package static func index(_ marks: UInt64) -> Int { marks.trailingZeroBitCount &>> 3 }

    /// Whether as many bytes as a text has are that text. Words overlap at the end, so that four bytes or more leave no rest; the words
    /// of a literal fold to constants.
    @inlinable @inline(__always)
    package static func equal(_ bytes: UnsafeRawPointer, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        let expected = UnsafeRawPointer(text.utf8Start)
        if count < 4 {
            for index in 0..<count where bytes.load(fromByteOffset: index, as: UInt8.self) != text.utf8Start[index] {
                return false
            }
            return true
        }
        if count < 8 {
            return half(bytes, 0) == half(expected, 0) && half(bytes, count &- 4) == half(expected, count &- 4)
        }
        var offset = 0
        while offset &+ 8 < count {
            if load(bytes, offset) != load(expected, offset) { return false }
            offset &+= 8
        }
        return load(bytes, count &- 8) == load(expected, count &- 8)
    }

    @inlinable @inline(__always)
    package static func half(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}
