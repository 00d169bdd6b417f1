internal import Glibc

/// A string inside JSON bytes, escapes unresolved. Borrows the bytes that were scanned: use it only while they live.
///
/// Four words, which a function returns in registers.
@usableFromInline
package struct JSONString {
    /// The address of the first scanned byte.
    @usableFromInline let base: UnsafeRawPointer
    /// The string's position in the scanned bytes, without the quotes.
    @usableFromInline package let range: Range<Int>
    @usableFromInline package let hasEscapes: Bool

    init(base: UnsafeRawPointer, range: Range<Int>, hasEscapes: Bool) {
        self.base = base
        self.range = range
        self.hasEscapes = hasEscapes
    }

    /// A string that was scanned before, in the same bytes at another address.
    package init(bytes: UnsafeRawBufferPointer, range: Range<Int>, hasEscapes: Bool) {
        precondition(range.upperBound <= bytes.count, "a string lies within its bytes")
        self.init(base: bytes.start, range: range, hasEscapes: hasEscapes)
    }

    /// The string as it is written between the quotes.
    @inlinable package var raw: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    package var isEmpty: Bool { range.isEmpty }

    /// Whether it is written in nothing but visible ASCII, and no `_` but in front: the rest is what ``FoldedBytes`` leaves out.
    @inlinable package var isPlainName: Bool {
        let raw = raw
        guard let first = raw.first, first &- 0x21 < 0x5E else { return false }
        for byte in raw.dropFirst() where byte &- 0x21 >= 0x5E || byte == 0x5F { return false }
        return true
    }

    /// The text, escapes resolved. Allocates when it is longer than a small string.
    package var text: String {
        hasEscapes ? String(decoding: Array(resolved), as: UTF8.self) : String(decoding: raw, as: UTF8.self)
    }

    /// The bytes of the text, escapes resolved one at a time.
    package var resolved: Resolved { Resolved(rest: raw) }

    /// Whether the text is exactly this, escapes resolved. Inlined, so that a literal is a length and a word or two to compare with.
    @inlinable @inline(__always)
    package static func == (string: JSONString, text: StaticString) -> Bool {
        if string.hasEscapes { return string.equalsResolved(text) }
        guard string.range.count == text.utf8CodeUnitCount else { return false }
        return ByteWord.equal(string.base + string.range.lowerBound, text)
    }

    @inline(never)
    @usableFromInline func equalsResolved(_ text: StaticString) -> Bool {
        equals(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether the text is exactly these bytes of UTF-8, escapes resolved.
    package func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        if hasEscapes { return resolved.elementsEqual(other) }
        return raw.count == other.count && (raw.isEmpty || memcmp(raw.start, other.start, raw.count) == 0)
    }

    /// Whether the text is exactly this, escapes resolved.
    package func equals(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { equals(UnsafeRawBufferPointer($0)) }
    }

    /// Whether both resolve to the same bytes.
    package func matches(_ other: JSONString) -> Bool {
        other.hasEscapes ? resolved.elementsEqual(other.resolved) : equals(other.raw)
    }

    /// Lends the bytes of the text, escapes resolved. Allocates only for a text with escapes.
    @inlinable
    package func withResolvedBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        hasEscapes ? resolvedBytes.withUnsafeBytes(body) : body(raw)
    }

    @usableFromInline var resolvedBytes: [UInt8] { Array(resolved) }

    /// Whether a control character (Unicode category Cc) is in the text, escapes resolved.
    package var hasControlCharacters: Bool {
        guard hasEscapes else { return Self.hasControlCharacters(raw) }
        return Array(resolved).withUnsafeBytes { Self.hasControlCharacters($0) }
    }

    private static func hasControlCharacters(_ text: UnsafeRawBufferPointer) -> Bool {
        var previous: UInt8 = 0
        var at = 0
        while at < text.count {
            if at &+ 8 <= text.count {
                let word = ByteWord.load(text.start, at)
                // Neither below 0x20, nor DEL or beyond. Carries and borrows mark a byte too many only beside one that is marked.
                if ((word &- ByteWord.ones &* 0x20) | (word &+ ByteWord.ones) | word) & ByteWord.highs == 0 {
                    at &+= 8
                    continue
                }
            }
            let byte = text[at]
            // C2 80 to C2 9F are the controls of Latin-1; C2 never stands elsewhere in UTF-8.
            if byte < 0x20 || byte == 0x7F || previous == 0xC2 && byte < 0xA0 { return true }
            previous = byte
            at &+= 1
        }
        return false
    }

    /// The code unit of a `\uXXXX` that starts at `offset`, nil when none does.
    static func codeUnit(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32? {
        guard bytes.count - offset >= 6, bytes[offset] == 0x5C, bytes[offset + 1] == 0x75 else { return nil }
        var unit: UInt32 = 0
        for index in offset + 2..<offset + 6 {
            guard let digit = bytes[index].hexValue else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }
}

extension UnsafeRawBufferPointer {
    /// The address of the first byte; for an empty buffer without one, an address that is never read.
    var start: UnsafeRawPointer { baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped }
}

extension JSONString {
    /// Yields the bytes of a scanned string with its escapes resolved to UTF-8.
    package struct Resolved: Sequence, IteratorProtocol {
        var rest: UnsafeRawBufferPointer
        /// Up to four bytes of a resolved escape still to be given, the next one lowest.
        private var pending: UInt32 = 0
        private var pendingCount = 0

        init(rest: UnsafeRawBufferPointer) { self.rest = rest }

        package mutating func next() -> UInt8? {
            if pendingCount > 0 {
                defer {
                    pending >>= 8
                    pendingCount -= 1
                }
                return UInt8(truncatingIfNeeded: pending)
            }
            guard let first = rest.first else { return nil }
            guard first == 0x5C, rest.count >= 2 else {
                drop(1)
                return first
            }
            let letter = rest[1]
            guard letter == 0x75 else {
                drop(2)
                switch letter {
                case 0x62: return 0x08
                case 0x66: return 0x0C
                case 0x6E: return 0x0A
                case 0x72: return 0x0D
                case 0x74: return 0x09
                case _: return letter
                }
            }
            return scalar()
        }

        private mutating func drop(_ count: Int) { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }

        /// The scanner let only whole escapes and whole pairs through; what it would refuse resolves to U+FFFD here.
        private mutating func scalar() -> UInt8? {
            var value = JSONString.codeUnit(rest, at: 0) ?? 0xFFFD
            var count = 6
            if (0xD800..<0xDC00).contains(value), let low = JSONString.codeUnit(rest, at: 6) {
                value = 0x10000 &+ (value &- 0xD800) << 10 &+ (low &- 0xDC00)
                count = 12
            }
            drop(count)
            let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
            for byte in UTF8.encode(scalar)! {
                pending |= UInt32(byte) << UInt32(8 * pendingCount)
                pendingCount += 1
            }
            return next()
        }
    }
}
