internal import Glibc

/// Writes tagged fields one behind the other. Whoever makes one vouches for the room.
struct FieldWriter {
    private(set) var place: UnsafeMutableRawPointer

    init(at place: UnsafeMutableRawPointer) { self.place = place }

    @inline(__always) mutating func byte(_ value: UInt8) {
        place.storeBytes(of: value, as: UInt8.self)
        place += 1
    }

    @inline(__always) mutating func word(_ value: UInt64) {
        place.storeBytes(of: value, as: UInt64.self)
        place += 8
    }

    @inline(__always) mutating func integer(_ column: AuditColumn, _ value: Int64) {
        byte(column.rawValue)
        word(UInt64(bitPattern: value).littleEndian)
    }

    @inline(__always) mutating func text(_ column: AuditColumn, _ bytes: UnsafeRawBufferPointer) {
        if let start = bytes.baseAddress, bytes.count > 0 { put(column, column.limit, start, bytes.count) }
    }

    @inline(__always) mutating func text(_ column: AuditColumn, _ literal: StaticString) {
        put(column, column.limit, literal.utf8Start, literal.utf8CodeUnitCount)
    }

    @inline(__always) mutating func text(_ column: AuditColumn, _ string: String) {
        guard !string.isEmpty else { return }
        // Every string of ours is native UTF-8, so the closure always runs.
        _ = string.utf8.withContiguousStorageIfAvailable { bytes in
            if let start = bytes.baseAddress { put(column, column.limit, start, bytes.count) }
        }
    }

    /// Appends fields that were encoded before.
    @inline(__always) mutating func encoded(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        copy(start, bytes.count)
    }

    @inline(__always)
    private mutating func put(_ column: AuditColumn, _ limit: Int, _ start: UnsafeRawPointer, _ count: Int) {
        guard count <= limit else { return putCut(column, limit, start, count) }
        byte(column.rawValue)
        place.storeBytes(of: UInt16(truncatingIfNeeded: count).littleEndian, as: UInt16.self)
        place += 2
        copy(start, count)
    }

    /// Copies at least one byte. Most texts here are short, and two overlapping moves cost a third of a call of memcpy.
    @inline(__always)
    private mutating func copy(_ start: UnsafeRawPointer, _ count: Int) {
        if count > 16 {
            memcpy(place, start, count)
        } else if count >= 8 {
            let last = (start + (count &- 8)).loadUnaligned(as: UInt64.self)
            place.storeBytes(of: start.loadUnaligned(as: UInt64.self), as: UInt64.self)
            (place + (count &- 8)).storeBytes(of: last, as: UInt64.self)
        } else if count >= 4 {
            let last = (start + (count &- 4)).loadUnaligned(as: UInt32.self)
            place.storeBytes(of: start.loadUnaligned(as: UInt32.self), as: UInt32.self)
            (place + (count &- 4)).storeBytes(of: last, as: UInt32.self)
        } else {
            let middle = (start + (count >> 1)).load(as: UInt8.self)
            let last = (start + (count &- 1)).load(as: UInt8.self)
            place.storeBytes(of: start.load(as: UInt8.self), as: UInt8.self)
            (place + (count >> 1)).storeBytes(of: middle, as: UInt8.self)
            (place + (count &- 1)).storeBytes(of: last, as: UInt8.self)
        }
        place += count
    }

    @inline(never)
    private mutating func putCut(_ column: AuditColumn, _ limit: Int, _ start: UnsafeRawPointer, _ count: Int) {
        byte(column.rawValue)
        let kept = Self.cut(start, to: limit - 3)
        place.storeBytes(of: UInt16(truncatingIfNeeded: kept + 3).littleEndian, as: UInt16.self)
        place += 2
        memcpy(place, start, kept)
        place += kept
        byte(0xE2)
        byte(0x80)
        byte(0xA6)
    }

    /// The longest prefix of at most `length` bytes that splits no UTF-8 sequence.
    private static func cut(_ start: UnsafeRawPointer, to length: Int) -> Int {
        var end = length
        while end > 0, length - end < 4, start.load(fromByteOffset: end, as: UInt8.self) & 0xC0 == 0x80 { end -= 1 }
        return end
    }
}
