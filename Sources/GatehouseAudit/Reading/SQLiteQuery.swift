internal import GatehouseCore
internal import SQLiteClient

/// The conditions of a query in SQL. Values are bound, never written into the text.
struct SQLiteQuery {
    private(set) var values: [SQLiteValue] = []
    private var conditions: [String] = []

    /// - Parameter table: the alias of the rows of `audit_events`, or of `audit_requests`.
    init(_ query: AuditQuery, on table: String, joiningOutcomes: Bool) {
        var values: [SQLiteValue] = []
        if let from = query.from { add("\(table).at >= ?", .integer(from.microseconds)) }
        if let until = query.until { add("\(table).at < ?", .integer(until.microseconds)) }
        if let id = query.requestID { add("\(table).request_id = ?", .text(id.description)) }

        var about: [String] = []
        func match(_ column: String, _ value: String?, _ comparison: String = "=") {
            guard let value else { return }
            about.append("@.\(column) \(comparison) ?")
            values.append(.text(value))
        }
        func pattern(_ column: String, _ value: String?) {
            guard let value else { return }
            if value.contains("*") { match(column, Self.glob(value), "GLOB") } else { match(column, value) }
        }
        match("route", query.route)
        pattern("principal", query.principal)
        pattern("target", query.target)
        match("decision", query.isAllowed.map { $0 ? "allow" : "deny" })
        match("reason", query.reason)
        guard !about.isEmpty else { return }
        let condition = about.joined(separator: " AND ")
        let own = condition.replacing("@", with: table)
        if joiningOutcomes {
            let decisions = condition.replacing("@", with: "q")
            conditions.append(
                """
                (\(own) OR \(table).kind = 'outcome' AND EXISTS (SELECT 1 FROM audit_events q \
                WHERE q.request_id = \(table).request_id AND q.kind = 'decision' AND \(decisions)))
                """
            )
            self.values += values + values
        } else {
            conditions.append("(\(own))")
            self.values += values
        }
    }

    mutating func add(_ condition: String, _ value: SQLiteValue) {
        conditions.append(condition)
        values.append(value)
    }

    var clause: String { conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ") }

    /// `*` is the only wildcard of ours; the others of GLOB stand for themselves.
    private static func glob(_ pattern: String) -> String {
        var glob = ""
        for character in pattern {
            switch character {
            case "?": glob += "[?]"
            case "[": glob += "[[]"
            case _: glob.append(character)
            }
        }
        return glob
    }
}
