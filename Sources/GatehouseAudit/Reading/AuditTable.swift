internal import GatehouseCore

/// The table for people. Columns have fixed widths, so that lines can be written as they come. Without a limit a longer text
/// keeps its whole length and moves the rest of its line; within one it is cut, and the columns that matter least are left out.
struct AuditTable {
    private struct Column {
        let title: String
        let width: Int
        /// The least width that still says something.
        let least: Int
        /// The highest goes first where there is no room.
        let rank: Int
        let text: @Sendable (AuditEvent) -> String
    }

    private static let columns: [Column] = [
        Column(title: "TIME", width: 27, least: 20, rank: 0) { $0.at.rfc3339 },
        Column(title: "ROUTE", width: 10, least: 6, rank: 6) { $0.route },
        Column(title: "WHO", width: 24, least: 12, rank: 1) {
            $0.principal.isEmpty ? $0.text(.principalKind) : $0.principal
        },
        Column(title: "CALL", width: 24, least: 10, rank: 8) { call($0) },
        Column(title: "TARGET", width: 20, least: 10, rank: 4) { $0.target },
        Column(title: "DECISION", width: 8, least: 8, rank: 2) { $0.text(.decision) },
        Column(title: "REASON", width: 20, least: 12, rank: 3) { $0.text(.reason) },
        Column(title: "STATUS", width: 6, least: 6, rank: 5) { $0[.status].text },
        Column(title: "MS", width: 8, least: 8, rank: 9) {
            $0.integer(.durationMicroseconds).map { milliseconds($0) } ?? ""
        },
        Column(title: "ENDED", width: 15, least: 8, rank: 10) { $0.text(.ended) },
        Column(title: "REQUEST", width: 32, least: 32, rank: 7) { $0.requestID.description },
    ]
    private static let gap = 2

    private let columns: [(column: Column, width: Int)]
    private let isCut: Bool

    /// - Parameter width: of a line, in characters; nil for no limit.
    init(width: Int?) {
        isCut = width != nil
        guard let width else {
            columns = Self.columns.map { ($0, $0.width) }
            return
        }
        var kept = Self.columns
        func least() -> Int { kept.reduce(0) { $0 + $1.least + Self.gap } - Self.gap }
        while kept.count > 1, least() > width, let last = kept.map(\.rank).max() { kept.removeAll { $0.rank == last } }
        var room = width - least()
        columns = kept.map { column in
            // A time cut short says no more than one without its decimals.
            let wanted = column.title == "TIME" ? column.least : column.width
            let more = max(0, min(wanted - column.least, room))
            room -= more
            return (column, min(column.least + more, width))
        }
    }

    var header: String { join(columns.map(\.column.title)) }

    func line(_ event: AuditEvent) -> String { join(columns.map { Self.visible($0.column.text(event)) }) }

    private func join(_ texts: [String]) -> String {
        var line = ""
        for (index, (text, width)) in zip(texts, columns.map(\.width)).enumerated() {
            let cell = text.isEmpty ? "-" : isCut ? Self.cut(text, to: width) : text
            line += cell
            guard index + 1 < columns.count else { break }
            line += String(repeating: " ", count: max(0, width - cell.count) + Self.gap)
        }
        return line
    }

    private static func cut(_ text: String, to width: Int) -> String {
        guard text.count > width else { return text }
        // RFC 3339 without decimals.
        if text.count == 27, width == 20, text.hasSuffix("Z") { return text.prefix(19) + "Z" }
        return text.prefix(width - 1) + "…"
    }

    private static func call(_ event: AuditEvent) -> String {
        let method = event.text(.rpcMethod)
        let path = event.text(.path)
        // Of nobody, or of a batch that was refused before it counted.
        if let count = event.integer(.requests) {
            return "\(count) \(event.text(.httpMethod).isEmpty ? "requests" : "messages")"
        }
        if let position = event.integer(.rpcPosition) { return "\(position): \(method)" }
        return !method.isEmpty ? method : [event.text(.httpMethod), path].filter { !$0.isEmpty }.joined(separator: " ")
    }

    private static func milliseconds(_ micros: Int64) -> String {
        let tenths = micros / 100
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// Text from the network must not drive the terminal of whoever reads it.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: \.isInvisible) else { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            if scalar.isInvisible {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
    }
}
