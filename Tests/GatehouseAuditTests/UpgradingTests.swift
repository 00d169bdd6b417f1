import Foundation
import Testing

@testable import GatehouseAudit

/// The table of docs/UPGRADING.md, whose newest row is these sources.
@Suite struct UpgradingTests {
    @Test func `the document says which schema the audit has`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/UPGRADING.md")
        let rows = try String(contentsOf: path, encoding: .utf8).matches(of: #/(?m)^\| \S+ \| (\d+) \| (\d+) \|/#)
        let newest = try #require(rows.last)
        #expect(Int(newest.output.1) == SQLiteSchema.scripts.count)
        #expect(Int(newest.output.2) == PostgresSchema.scripts.count)
    }
}
