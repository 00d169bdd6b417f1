internal import GatehouseCore

/// A value of a condition, whatever database it is for.
enum QueryValue: Hashable {
    case text(String)
    case integer(Int64)
    case time(Timestamp)
}

/// The conditions of a query in SQL. Values are bound, never written into the text.
struct QueryConditions {
    let dialect: QueryDialect
    private(set) var values: [QueryValue] = []
    private var conditions: [String] = []

    /// - Parameter table: the alias of the rows of `audit_events`, or of `audit_requests`.
    init(_ query: AuditQuery, on table: String, joiningOutcomes: Bool, for dialect: QueryDialect) {
        self.dialect = dialect
        if let from = query.from { add("\(table).at >=", .time(from)) }
        if let until = query.until { add("\(table).at <", .time(until)) }
        if query.isEnded, !joiningOutcomes { conditions.append("\(table).ended_seq IS NOT NULL") }
        if let id = query.requestID { add("\(table).request_id =", .text(id.description)) }

        if let kind = query.kind {
            conditions.append("\(table).kind \(kind == .change ? "=" : "<>") 'change'")
        }

        var about: [String] = []
        func match(_ column: String, _ value: String?, _ comparison: String = "=") {
            guard let value else { return }
            about.append("@.\(column) \(comparison) \(bind(.text(value)))")
        }
        func pattern(_ column: String, _ value: String?) {
            guard let value else { return }
            if value.contains("*") {
                match(column, dialect.pattern(value), dialect.patternOperator)
            } else {
                match(column, value)
            }
        }
        match("route", query.route)
        match("token_name", query.token)
        pattern("principal", query.principal)
        pattern("target", query.target)
        match("decision", query.isAllowed.map { $0 ? "allow" : "deny" })
        match("reason", query.reason)
        pattern("client_ip", query.clientIP)
        if !query.digests.isEmpty {
            about.append("@.arguments_digest IN (\(query.digests.map { bind(.text($0)) }.joined(separator: ", ")))")
        }
        if let status = query.status {
            let range = "BETWEEN \(bind(.integer(status.lowerBound))) AND \(bind(.integer(status.upperBound)))"
            conditions.append(
                !joiningOutcomes
                    ? "\(table).status \(range)"
                    : """
                    EXISTS (SELECT 1 FROM audit_events s WHERE s.request_id = \(table).request_id AND s.kind = 'outcome' \
                    AND s.status \(range))
                    """
            )
        }
        guard !about.isEmpty else { return }
        let condition = about.joined(separator: " AND ")
        let own = condition.replacing("@", with: table)
        guard joiningOutcomes else {
            conditions.append("(\(own))")
            return
        }
        let decisions = condition.replacing("@", with: "q")
        conditions.append(
            """
            (\(own) OR \(table).kind = 'outcome' AND EXISTS (SELECT 1 FROM audit_events q \
            WHERE q.request_id = \(table).request_id AND q.kind = 'decision' AND \(decisions)))
            """
        )
    }

    /// Adds a comparison, whose value stands at its end.
    mutating func add(_ comparison: String, _ value: QueryValue) {
        conditions.append("\(comparison) \(bind(value))")
    }

    /// Adds a condition in which `@1` and so on stand for the values.
    mutating func add(_ condition: String, _ values: [QueryValue]) {
        var text = condition
        for (index, value) in values.enumerated() { text.replace("@\(index + 1)", with: bind(value)) }
        conditions.append(text)
    }

    /// - Returns: where the value stands in the text. May stand there several times.
    mutating func bind(_ value: QueryValue) -> String {
        values.append(value)
        return dialect.place(values.count, value)
    }

    var clause: String { conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ") }
}
