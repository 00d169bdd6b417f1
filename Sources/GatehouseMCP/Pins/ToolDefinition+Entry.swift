internal import Crypto
package import GatehouseCore

extension ToolDefinition {
    /// The members that a model or a person decides by. What else an entry has is not part of its definition.
    static let members: [StaticString] = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]

    /// The definition in an entry of a list of tools.
    ///
    /// - Returns: nil for an entry that two readers could take for different ones: no object, no plain name, a member of the definition that stands
    ///   twice or under a name that a lenient reader takes for it, half a surrogate pair, a number beyond the range of doubles, or nested deeper
    ///   than 64 levels; and for one that is too long.
    package init?(entry: UnsafeRawBufferPointer) {
        do throws(JSONFault) {
            var scanner = try JSONScanner(entry)
            try scanner.beginObject()
            var name: ToolName?
            var members = CanonicalMembers()
            while let key = try scanner.nextMember() {
                guard let member = Self.members.first(where: { key == $0 }) else {
                    guard !Self.members.contains(where: { EntryMembers.isLookalike(key, of: $0) }) else { return nil }
                    try scanner.skipUnread()
                    continue
                }
                if key == "name" {
                    var ahead = scanner
                    guard let found = try ahead.string().withResolvedBytes({ ToolName($0) }) else { return nil }
                    name = found
                }
                var value = CanonicalJSON()
                try value.append(&scanner)
                members.add("\(member)", value.bytes)
            }
            try scanner.finish()
            var canonical = CanonicalJSON()
            guard let name, canonical.append(&members), canonical.bytes.count <= Self.maximumLength,
                let digest = ToolDigest(Array(SHA256.hash(data: canonical.bytes)))
            else { return nil }
            self.init(name: name, digest: digest, canonical: canonical.bytes)
        } catch { return nil }
    }
}
