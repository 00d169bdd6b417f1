/// A tool as a server lists it: what a model or a person reads of it, in canonical form.
package struct ToolDefinition: Hashable, Sendable {
    /// Bytes of the canonical form; a tool with a longer one cannot be approved.
    package static let maximumLength = 128 << 10

    package let name: ToolName
    package let digest: ToolDigest
    package let canonical: [UInt8]

    package init(name: ToolName, digest: ToolDigest, canonical: [UInt8]) {
        self.name = name
        self.digest = digest
        self.canonical = canonical
    }
}
