internal import GatehouseCore
internal import Glibc

/// Writes a head into memory that the driver reserved. Running out of it is an ordering bug of ours, not a matter of input: the
/// bounds that the rewrites state cover every head that their parser lets pass.
struct HeadWriter {
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var count = 0

    init(_ output: UnsafeMutableRawBufferPointer) {
        guard let base = output.baseAddress else {
            preconditionFailure("a head is written into memory of the size that bound() states, which is never zero")
        }
        self.base = base
        capacity = output.count
    }

    @inline(__always)
    private mutating func claim(_ size: Int) -> UnsafeMutableRawPointer {
        precondition(size >= 0 && size <= capacity &- count, "a head is written into at least bound() bytes")
        defer { count &+= size }
        return base + count
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        memcpy(claim(text.utf8CodeUnitCount), text.utf8Start, text.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) { claim(1).storeBytes(of: byte, as: UInt8.self) }

    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        memcpy(claim(bytes.count), start, bytes.count)
    }

    @inline(__always)
    mutating func append(_ source: UnsafeRawBufferPointer, _ lower: Int, _ upper: Int) {
        append(UnsafeRawBufferPointer(rebasing: source[lower..<upper]))
    }

    @inline(__always)
    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// - Precondition: the number is not negative.
    mutating func append(decimal number: Int) {
        var size = 1
        var power = 10
        while size < 19, number >= power {
            size &+= 1
            power = power &* 10
        }
        let place = claim(size)
        var rest = UInt(number)
        while size > 0 {
            size &-= 1
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) &+ 0x30, toByteOffset: size, as: UInt8.self)
            rest /= 10
        }
    }

    /// Sixteen lower-case hexadecimal digits.
    @inline(__always)
    mutating func append(hex number: UInt64) {
        let place = claim(16)
        place.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: number >> 32)), as: UInt64.self)
        place.storeBytes(of: Self.digits(UInt32(truncatingIfNeeded: number)), toByteOffset: 8, as: UInt64.self)
    }

    @inline(__always)
    mutating func append(_ id: RequestID) {
        append(hex: id.high)
        append(hex: id.low)
    }

    /// Eight digits at once: nibbles spread over the bytes of a word, then 0x27 added where one is above nine.
    @inline(__always)
    private static func digits(_ number: UInt32) -> UInt64 {
        var spread = UInt64(number)
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (spread &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).bigEndian
    }
}
