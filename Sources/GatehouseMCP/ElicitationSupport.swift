internal import GatehouseCore

/// Whether a client has said that it opens addresses for its user (`elicitation.url`). Read only where the answer depends on it.
package enum ElicitationSupport {
    /// In `initialize` of 2025-11-25.
    package static func isSaidAtStart(_ body: UnsafeRawBufferPointer) -> Bool {
        contains(body, ["params", "capabilities", "elicitation", "url"])
    }

    /// In a request of 2026-07-28, each of which says what its client can do.
    package static func isSaidInRequest(_ body: UnsafeRawBufferPointer) -> Bool {
        contains(body, ["params", "_meta", "io.modelcontextprotocol/clientCapabilities", "elicitation", "url"])
    }

    /// Whether an object stands at the end of the path.
    private static func contains(_ body: UnsafeRawBufferPointer, _ path: [StaticString]) -> Bool {
        do throws(JSONFault) {
            var scanner = try JSONScanner(body)
            try MemberPath.enter(path, &scanner)
            return scanner.next == .object
        } catch { return false }
    }
}
