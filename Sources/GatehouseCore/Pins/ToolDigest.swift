/// SHA-256 over the canonical form of a tool's definition.
package struct ToolDigest: Hashable, Sendable, CustomStringConvertible {
    package static let length = 32

    package let bytes: [UInt8]

    /// Nil for any other number of bytes.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = Array(bytes)
    }

    package var description: String { Hex.encode(bytes) }
    /// Enough of it for people to tell two from one another.
    package var short: String { String(description.prefix(12)) }
}
