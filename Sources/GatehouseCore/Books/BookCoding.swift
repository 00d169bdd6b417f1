/// The bytes of a ``KeptBook``: numbers big-endian, each text behind its length in four bytes.
package struct BookWriter {
    package var bytes: [UInt8]

    /// - Parameter format: the first byte, by which a reader knows what follows.
    package init(format: UInt8) { bytes = [format] }

    package mutating func text(_ text: some Collection<UInt8>) {
        withUnsafeBytes(of: UInt32(text.count).bigEndian) { bytes += $0 }
        bytes += text
    }

    package mutating func text(_ text: String) { self.text(text.utf8) }

    package mutating func integer(_ number: Int64) { withUnsafeBytes(of: number.bigEndian) { bytes += $0 } }

    package mutating func time(_ time: Timestamp) { integer(time.microseconds) }
}

/// Reads what ``BookWriter`` writes; each part is nil where the bytes end before it does.
package struct BookReader {
    package var rest: Slice<UnsafeRawBufferPointer>

    /// Nil for bytes of another format.
    package init?(_ bytes: UnsafeRawBufferPointer, format: UInt8) {
        guard bytes.first == format else { return nil }
        rest = bytes.dropFirst()
    }

    package var isAtEnd: Bool { rest.isEmpty }

    package mutating func byte() -> UInt8? { rest.popFirst() }

    package mutating func bytes(_ count: Int) -> Slice<UnsafeRawBufferPointer>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    package mutating func text() -> Slice<UnsafeRawBufferPointer>? {
        guard let length = bytes(4) else { return nil }
        return bytes(Int(length.reduce(0 as UInt32) { $0 << 8 | UInt32($1) }))
    }

    /// A text that is to be one; what is no UTF-8 in it is replaced.
    package mutating func string() -> String? { text().map { String(decoding: $0, as: UTF8.self) } }

    package mutating func integer() -> Int64? {
        bytes(8).map { Int64(bitPattern: $0.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }) }
    }

    package mutating func time() -> Timestamp? { integer().map { Timestamp(microseconds: $0) } }
}
