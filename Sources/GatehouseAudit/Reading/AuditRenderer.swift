internal import GatehouseCore

/// Writes events one by one, as text of one of several forms.
package final class AuditRenderer {
    package enum Form: String, Sendable, CaseIterable {
        /// Aligned columns for people; one line an event or request.
        case table
        /// One line an event or request, for a terminal.
        case line
        /// One array of JSON, of objects with the columns that say something.
        case json
        /// One JSON object a line.
        case jsonLines = "jsonl"
        /// All columns, with a header line (RFC 4180). A text that a spreadsheet would take for a formula has an apostrophe before it.
        case csv
    }

    private let form: Form
    private var isEmpty = true
    private let table: AuditTable
    private let isColoured: Bool
    private let write: ([UInt8]) -> Void

    /// - Parameters:
    ///   - width: columns that a line of the table may take; nil for no limit, and nothing is cut.
    ///   - isColoured: whether lines say in colour what became of a message.
    ///   - write: takes whole lines.
    package init(_ form: Form, width: Int? = nil, isColoured: Bool = false, write: @escaping ([UInt8]) -> Void) {
        self.form = form
        self.isColoured = isColoured
        table = AuditTable(width: width)
        self.write = write
    }

    /// Writes the text above the first event.
    package func begin() {
        switch form {
        case .table: write(Array((table.header + "\n").utf8))
        case .jsonLines, .line: break
        case .json: write([0x5B])
        case .csv: write(Array((AuditColumn.allCases.map(\.name).joined(separator: ",") + "\r\n").utf8))
        }
    }

    /// Writes the text below the last event.
    package func end() {
        if form == .json { write(Array((isEmpty ? "]\n" : "\n]\n").utf8)) }
    }

    package func add(_ event: AuditEvent) {
        defer { isEmpty = false }
        switch form {
        case .table: write(Array((table.line(event) + "\n").utf8))
        case .line: write(Array((AuditLine(isColoured: isColoured).text(event) + "\n").utf8))
        case .jsonLines: write(Array((event.json + "\n").utf8))
        case .json: write(Array(((isEmpty ? "\n" : ",\n") + event.json).utf8))
        case .csv:
            let fields = AuditColumn.allCases.map { column in
                if case .text(let text) = event[column] {
                    Self.csvField(Self.harmless(text))
                } else {
                    Self.csvField(event[column].text)
                }
            }
            write(Array((fields.joined(separator: ",") + "\r\n").utf8))
        }
    }

    /// Spreadsheets evaluate a cell that begins so, also behind the quotes of CSV (OWASP, "CSV Injection"). Full-width forms are folded by some.
    private static let formula: Set<Character> = [
        "=", "+", "-", "@", "\t", "\r", "\n", "\r\n", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}",
    ]

    private static func harmless(_ text: String) -> String {
        let text = text.visible
        return text.first.map { formula.contains($0) } ?? false ? "'\(text)" : text
    }

    private static func csvField(_ text: String) -> String {
        let needsQuotes = text.utf8.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        return needsQuotes ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
}
