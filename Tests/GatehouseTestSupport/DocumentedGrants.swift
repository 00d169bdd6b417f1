internal import Foundation

/// The grants that the documents give to roles of PostgreSQL, so that a test plays a role with exactly those rights.
package enum DocumentedGrants {
    /// The statements of a document that grant or revoke, one each, without comments.
    package static func statements(in document: String) throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let text = try String(contentsOf: root.appendingPathComponent("docs/\(document)"), encoding: .utf8)
        var isInside = false
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInside = line == "```sql"
            } else if isInside {
                lines.append(line.firstRange(of: "--").map { line[..<$0.lowerBound] } ?? line)
            }
        }
        return lines.joined(separator: "\n").split(separator: ";")
            .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
            .filter { $0.hasPrefix("GRANT ") || $0.hasPrefix("REVOKE ") }
    }
}
