internal import GatehouseCore

/// Writes events one by one, as text of one of three forms.
package struct AuditRenderer {
    package enum Form: String, Sendable, CaseIterable {
        /// Aligned columns for people; one line an event or request.
        case table
        /// One JSON object a line, with the columns that say something.
        case jsonLines = "jsonl"
        /// All columns, with a header line (RFC 4180).
        case csv
    }

    private let form: Form
    private let table: AuditTable
    private let write: ([UInt8]) -> Void

    /// - Parameters:
    ///   - width: columns that a line of the table may take; nil for no limit, and nothing is cut.
    ///   - write: takes whole lines.
    package init(_ form: Form, width: Int? = nil, write: @escaping ([UInt8]) -> Void) {
        self.form = form
        table = AuditTable(width: width)
        self.write = write
    }

    /// Writes what stands above the first event.
    package func begin() {
        switch form {
        case .table: write(Array((table.header + "\n").utf8))
        case .jsonLines: break
        case .csv: write(Array((AuditColumn.allCases.map(\.name).joined(separator: ",") + "\r\n").utf8))
        }
    }

    package func add(_ event: AuditEvent) {
        switch form {
        case .table: write(Array((table.line(event) + "\n").utf8))
        case .jsonLines: write(Array((event.json + "\n").utf8))
        case .csv:
            let fields = AuditColumn.allCases.map { Self.csvField(event[$0].text) }
            write(Array((fields.joined(separator: ",") + "\r\n").utf8))
        }
    }

    private static func csvField(_ text: String) -> String {
        let needsQuotes = text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        return needsQuotes ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
}
