/// How a database writes what the others write differently.
enum QueryDialect {
    case sqlite
    case postgres

    func place(_ number: Int, _ value: QueryValue) -> String {
        switch (self, value) {
        case (.sqlite, _): "?\(number)"
        case (.postgres, .text): "$\(number)::text"
        case (.postgres, .integer): "$\(number)::bigint"
        case (.postgres, .time): "$\(number)::timestamptz"
        }
    }

    /// A column as it is read: a time in microseconds, and no more than a byte beyond what Gatehouse writes. Whoever may insert could put in a gigabyte, which
    /// an answer of PostgreSQL brings into the memory whole; SQLite's connections have a bound of their own.
    func expression(_ column: AuditColumn, of table: String) -> String {
        switch (self, column) {
        case (.postgres, .at): "(extract(epoch FROM \(table).at) * 1000000)::bigint"
        case (.postgres, .eventID), (.sqlite, _): "\(table).\(column.name)"
        case (.postgres, _):
            switch column.shape {
            case .text: "left(\(table).\(column.name), \(column.limit + 1))"
            case .hash, .sealed: bytes("\(table).\(column.name)", atMost: column.limit + 1)
            case .integer, .time: "\(table).\(column.name)"
            }
        }
    }

    /// The first bytes of a column.
    func bytes(_ column: String, atMost limit: Int) -> String {
        self == .sqlite ? column : "substring(\(column) FROM 1 FOR \(limit))"
    }

    /// All events as they stand in the table, whatever its indexes say.
    var wholeTable: String {
        switch self {
        case .sqlite: "audit_events NOT INDEXED"
        case .postgres: "audit_events"
        }
    }

    /// The expression that orders events with equal sequence numbers.
    var arrival: String {
        switch self {
        case .sqlite: "e.rowid"
        case .postgres: "e.at, e.event_id"
        }
    }

    /// Deletes events of a writer through a number, the oldest first: so many at once.
    var deletion: String {
        switch self {
        case .sqlite:
            """
            DELETE FROM audit_events WHERE rowid IN (
                SELECT rowid FROM audit_events WHERE writer = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3
            )
            """
        case .postgres:
            """
            WITH old AS (
                SELECT event_id, at FROM audit_events WHERE writer = $1 AND seq <= $2 ORDER BY seq LIMIT $3
            ) DELETE FROM audit_events e USING old WHERE e.event_id = old.event_id AND e.at = old.at
            """
        }
    }

    var patternOperator: String {
        switch self {
        case .sqlite: "GLOB"
        case .postgres: "LIKE"
        }
    }

    /// A pattern of ours, whose only wildcard is `*`, in the database's own form.
    func pattern(_ text: String) -> String {
        text.reduce(into: "") { pattern, character in
            switch (self, character) {
            case (.sqlite, "?"): pattern += "[?]"
            case (.sqlite, "["): pattern += "[[]"
            case (.postgres, "*"): pattern += "%"
            case (.postgres, "%"), (.postgres, "_"), (.postgres, "\\"): pattern += "\\\(character)"
            case _: pattern.append(character)
            }
        }
    }
}
