/// The name of a tool as its bytes. Texts are compared by what they look like: `é` in one scalar and in two are equal to Swift, and two tools to a
/// server.
package struct ToolName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Bytes of a name; a tool of a longer one cannot be approved.
    package static let maximumLength = 512

    package let bytes: [UInt8]

    /// Nil for a name that two readers could take for different ones, an empty one, and one that is too long.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty, bytes.count <= Self.maximumLength, PlainName.isPlain(bytes) else { return nil }
        self.bytes = Array(bytes)
    }

    package init?(_ text: String) {
        var text = text
        guard let name = text.withUTF8({ ToolName(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = name
    }

    package static func < (one: ToolName, other: ToolName) -> Bool {
        one.bytes.lexicographicallyPrecedes(other.bytes)
    }

    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
