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

    /// The longest reason there is.
    private static let reasonWidth = Reason.allCases.reduce(0) { max($0, $1.rawValue.utf8.count) }

    private static let columns: [Column] = [
        Column(title: "TIME", width: 27, least: 20, rank: 0) { $0.at.rfc3339 },
        Column(title: "ROUTE", width: 10, least: 6, rank: 6) { $0.route },
        Column(title: "WHO", width: 24, least: 12, rank: 1) {
            $0.principal.isEmpty ? $0.text(.principalKind) : $0.principal
        },
        Column(title: "CALL", width: 24, least: 10, rank: 8) { call($0) },
        Column(title: "TARGET", width: 20, least: 10, rank: 4) { target($0) },
        Column(title: "DECISION", width: 8, least: 8, rank: 2) { $0.text(.decision) },
        Column(title: "REASON", width: 20, least: reasonWidth, rank: 3) { $0.text(.reason) },
        Column(title: "STATUS", width: 6, least: 6, rank: 5) { $0[.status].text },
        Column(title: "MS", width: 8, least: 8, rank: 9) {
            $0.integer(.durationMicroseconds).map { milliseconds($0) } ?? ""
        },
        Column(title: "ENDED", width: 15, least: 8, rank: 10) { $0.text(.ended) },
        Column(title: "REQUEST", width: 32, least: 32, rank: 7) { $0.requestID.description },
    ]
    private static let gap = 2

    /// The columns of a message's first line, and in a narrow terminal of its second one.
    private let lines: [[(column: Column, width: Int)]]
    private let isCut: Bool

    /// Titles of the first of two lines; the others follow in the second. Reason and id are what one copies: neither is ever cut or left out.
    private static let front: Set<String> = ["TIME", "DECISION", "REASON", "WHO"]
    private static let rear: Set<String> = ["REQUEST", "STATUS", "ROUTE", "TARGET", "MS"]
    /// Blanks before a message's second line.
    private static let indent = 2

    /// - Parameter width: of a line, in characters; nil for no limit.
    init(width: Int?) {
        isCut = width != nil
        guard let width else {
            lines = [Self.columns.map { ($0, max($0.width, $0.least)) }]
            return
        }
        let needed: Set<String> = ["TIME", "WHO", "TARGET", "DECISION", "REASON", "STATUS", "REQUEST"]
        let whole = Self.fit(Self.columns, width)
        lines =
            needed.isSubset(of: whole.map(\.column.title))
            ? [whole]
            : [
                Self.fit(Self.columns.filter { Self.front.contains($0.title) }, width, keeping: "REASON"),
                Self.fit(Self.columns.filter { Self.rear.contains($0.title) }, width - Self.indent, keeping: "REQUEST"),
            ]
    }

    /// Leaves out what has no room, and gives the rest what room there is.
    private static func fit(
        _ columns: [Column],
        _ width: Int,
        keeping kept: String? = nil
    ) -> [(column: Column, width: Int)] {
        var columns = columns
        func least() -> Int { columns.reduce(0) { $0 + $1.least + gap } - gap }
        while columns.count > 1, least() > width,
            let last = columns.filter({ $0.title != kept }).map(\.rank).max()
        {
            columns.removeAll { $0.rank == last && $0.title != kept }
        }
        var room = width - least()
        return columns.map { column in
            // A time cut short says no more than one without its decimals.
            let wanted = column.title == "TIME" ? column.least : max(column.width, column.least)
            let more = max(0, min(wanted - column.least, room))
            room -= more
            return (column, min(column.title == kept ? column.least : column.least + more, width))
        }
    }

    var header: String { render { $0.title } }

    func line(_ event: AuditEvent) -> String { render { $0.text(event).visible } }

    private func render(_ text: (Column) -> String) -> String {
        lines.enumerated().map { index, columns in
            String(repeating: " ", count: index == 0 ? 0 : Self.indent) + join(columns, columns.map { text($0.column) })
        }.joined(separator: "\n")
    }

    private func join(_ columns: [(column: Column, width: Int)], _ texts: [String]) -> String {
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

    /// The target of a call, or the token that was changed with its owner.
    static func target(_ event: AuditEvent) -> String {
        guard event.kind == .change else { return event.target }
        let owner = event.text(.tokenOwner)
        return event.text(.tokenName) + (owner.isEmpty ? "" : " of \(owner)")
    }

    static func call(_ event: AuditEvent) -> String {
        if event.kind == .change { return event.text(.change) }
        let method = event.text(.rpcMethod)
        let path = event.text(.path)
        // Requests without an established caller, or messages of a batch that was refused before they were counted.
        if let count = event.integer(.requests) {
            return "\(count) \(event.text(.httpMethod).isEmpty ? "requests" : "messages")"
        }
        if let position = event.integer(.rpcPosition) { return "\(position): \(method)" }
        return !method.isEmpty ? method : [event.text(.httpMethod), path].filter { !$0.isEmpty }.joined(separator: " ")
    }

    static func milliseconds(_ micros: Int64) -> String {
        let tenths = micros / 100
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}
