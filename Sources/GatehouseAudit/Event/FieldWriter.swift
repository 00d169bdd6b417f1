internal import Crypto
internal import Glibc

/// Writes tagged fields one behind the other. Its maker guarantees the room.
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

    /// Writes bytes as lower-case hexadecimal text.
    mutating func hex(_ column: AuditColumn, _ bytes: UnsafeRawBufferPointer) {
        byte(column.rawValue)
        place.storeBytes(of: UInt16(truncatingIfNeeded: bytes.count * 2).littleEndian, as: UInt16.self)
        place += 2
        for value in bytes {
            byte(Self.digit(value >> 4))
            byte(Self.digit(value & 15))
        }
    }

    /// Writes bytes as they are, also none, to make again what was encoded once.
    ///
    /// - Returns: false when there are more than the column takes, of which nothing is written: that was never encoded.
    @discardableResult
    mutating func stored(_ column: AuditColumn, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let count = bytes.count
        guard count <= column.limit else { return false }
        byte(column.rawValue)
        place.storeBytes(of: UInt16(truncatingIfNeeded: count).littleEndian, as: UInt16.self)
        place += 2
        guard let start = bytes.baseAddress else { return true }
        memcpy(place, start, count)
        place += count
        return true
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// Appends fields that were encoded before.
    @inline(__always) mutating func encoded(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        copy(start, bytes.count)
    }

    @inline(__always)
    private mutating func put(_ column: AuditColumn, _ limit: Int, _ start: UnsafeRawPointer, _ count: Int) {
        guard count <= limit, Self.isPlain(start, count) else { return putMended(column, limit, start, count) }
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

    /// Whether there are only ASCII characters and no NUL: eight bytes a step.
    @inline(__always)
    private static func isPlain(_ start: UnsafeRawPointer, _ count: Int) -> Bool {
        var odd: UInt64 = 0
        var offset = 0
        while offset &+ 8 <= count {
            let word = start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            odd |= (word &- 0x0101_0101_0101_0101) | word
            offset &+= 8
        }
        while offset < count {
            let byte = UInt64(start.load(fromByteOffset: offset, as: UInt8.self))
            odd |= (byte &- 1) | byte
            offset &+= 1
        }
        // A byte less one has its high bit for 0 and for 0x81 on; the byte itself has it from 0x80 on. A borrow goes no
        // further than from a byte that was 0 itself.
        return odd & 0x8080_8080_8080_8080 == 0
    }

    /// Writes text that is too long or not plain: what is no UTF-8 and each NUL becomes U+FFFD, and what is too long ends in `…`.
    @inline(never)
    private mutating func putMended(_ column: AuditColumn, _ limit: Int, _ start: UnsafeRawPointer, _ count: Int) {
        // Bytes beyond the limit are never kept, so only these have to be mended.
        let bytes = UnsafeRawBufferPointer(start: start, count: min(count, limit + 4))
        var mended = Array(String(decoding: bytes, as: UTF8.self).replacing("\0", with: "\u{FFFD}").utf8)
        if mended.count > limit {
            let ending = column == .target ? Self.ending(of: UnsafeRawBufferPointer(start: start, count: count)) : "…"
            var end = limit - ending.utf8.count
            while end > 0, mended[end] & 0xC0 == 0x80 { end -= 1 }
            mended.removeLast(mended.count - end)
            mended += ending.utf8
        }
        byte(column.rawValue)
        place.storeBytes(of: UInt16(truncatingIfNeeded: mended.count).littleEndian, as: UInt16.self)
        place += 2
        mended.withUnsafeBytes { if let first = $0.baseAddress { memcpy(place, first, mended.count) } }
        place += mended.count
    }
    /// The replacement for the end that is cut off a target, which decided about the call: the digest of the whole, so that the row proves which
    /// target it was.
    private static func ending(of target: UnsafeRawBufferPointer) -> String {
        let digits = SHA256.hash(data: target).flatMap { [digit($0 >> 4), digit($0 & 15)] }
        return "…sha256:\(String(decoding: digits, as: UTF8.self))"
    }
}
