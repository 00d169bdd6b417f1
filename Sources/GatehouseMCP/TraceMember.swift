package import GatehouseCore

/// The span under which a message was sent, where a client says it in `params._meta.traceparent` (2026-07-28) and in no header field.
package enum TraceMember {
    private static let path: [StaticString] = ["params", "_meta", "traceparent"]

    /// - Parameter message: a body that was judged: it is read once more, up to that member.
    package static func parent(in message: UnsafeRawBufferPointer) -> TraceParent? {
        do throws(JSONFault) {
            var scanner = try JSONScanner(message)
            try MemberPath.enter(path, &scanner)
            return try scanner.string().withResolvedBytes { TraceParent(parsing: $0) }
        } catch { return nil }
    }
}
