internal import GatehouseCore

/// Reads what a sink stored in a database.
final class DatabaseArchive<SQL: AuditSQL>: AuditArchive {
    private typealias Failure = SQL.Row.Failure

    private let sql: SQL

    init(_ sql: SQL) { self.sql = sql }

    func events(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: SQL.dialect)
        try walk("SELECT \(Self.columns) FROM audit_events e\(conditions.clause)", "e", query, conditions.values, body)
    }

    func messages(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError) {
        let conditions = QueryConditions(query, on: "r", joiningOutcomes: false, for: SQL.dialect)
        try walk(Self.messages + conditions.clause, "r", query, conditions.values, body)
    }

    func count(_ query: AuditQuery) throws(AuditError) -> Int {
        let conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: SQL.dialect)
        let table = conditions.clause.isEmpty ? SQL.dialect.wholeTable : "audit_events e"
        let number = try number("SELECT count(*) FROM \(table)\(conditions.clause)", conditions.values)
        return min(Int(clamping: number), query.limit ?? .max)
    }

    func messageCount(_ query: AuditQuery) throws(AuditError) -> Int {
        let conditions = QueryConditions(query, on: "r", joiningOutcomes: false, for: SQL.dialect)
        let text = "SELECT count(*) FROM (\(SQL.messages)) r\(conditions.clause)"
        return min(Int(clamping: try number(text, conditions.values)), query.limit ?? .max)
    }

    func writers() throws(AuditError) -> [String] {
        do throws(Failure) { return try sql.writers(in: "audit_events") } catch { throw SQL.unreadable(error) }
    }

    func headWriters() throws(AuditError) -> [String] {
        do throws(Failure) { return try sql.writers(in: "audit_heads") } catch { throw SQL.unreadable(error) }
    }

    func snapshot(_ body: () throws(AuditError) -> Void) throws(AuditError) { try sql.snapshot(body) }

    func encodingTrouble() throws(AuditError) -> String? {
        do throws(Failure) { return try sql.encodingTrouble() } catch { throw SQL.unreadable(error) }
    }

    func faults() throws(AuditError) -> [StoreFault] {
        do throws(Failure) {
            return try sql.faults() + (try sql.splitTrouble().map { [StoreFault(kind: .split, text: $0)] } ?? [])
        } catch { throw SQL.unreadable(error) }
    }

    func clock() throws(AuditError) -> Timestamp? {
        do throws(Failure) { return try sql.clock() } catch { throw SQL.unreadable(error) }
    }

    func splitTrouble() throws(AuditError) -> String? {
        do throws(Failure) { return try sql.splitTrouble() } catch { throw SQL.unreadable(error) }
    }

    func end() throws(AuditError) -> AuditPlace {
        var place = AuditPlace()
        for writer in try writers() { place.sequences[writer] = try last(of: writer) }
        return place
    }

    func events(
        after place: AuditPlace,
        _ query: AuditQuery,
        limit: Int
    ) throws(AuditError) -> (events: [AuditEvent], place: AuditPlace) {
        var events: [AuditEvent] = []
        var place = place
        for writer in try writers() where events.count < limit {
            let last = try last(of: writer)
            let behind = place.sequences[writer] ?? 0
            guard last > behind else { continue }
            var conditions = QueryConditions(query, on: "e", joiningOutcomes: true, for: SQL.dialect)
            conditions.add("e.writer =", .text(writer))
            conditions.add("e.seq >", .integer(behind))
            conditions.add("e.seq <=", .integer(last))
            let rest = limit - events.count
            let text = "SELECT \(Self.columns) FROM audit_events e\(conditions.clause) ORDER BY e.seq LIMIT \(rest)"
            var found: [AuditEvent] = []
            do throws(Failure) {
                try sql.read(text, conditions.values) { (row) throws(Failure) in
                    if let event = try row.event() { found.append(event) }
                    return true
                }
            } catch { throw SQL.unreadable(error) }
            place.sequences[writer] = found.count < rest ? last : found.last?.sequence ?? last
            events += found
        }
        return (events, place)
    }

    func messages(
        endedAfter place: AuditPlace,
        _ query: AuditQuery,
        limit: Int
    ) throws(AuditError) -> (messages: [AuditEvent], place: AuditPlace) {
        var messages: [AuditEvent] = []
        var place = place
        for writer in try writers() {
            let behind = place.sequences[writer] ?? 0
            guard let last = try lastOutcome(of: writer, behind: behind, limit: limit) else { continue }
            var conditions = QueryConditions(query, on: "r", joiningOutcomes: false, for: SQL.dialect)
            conditions.add("r.ended_writer =", .text(writer))
            conditions.add("r.ended_seq >", .integer(behind))
            conditions.add("r.ended_seq <=", .integer(last))
            // This condition uses the index on outcomes, and does not scan all of them.
            conditions.add(
                """
                r.request_id IN (SELECT n.request_id FROM audit_events n WHERE n.kind <> 'decision' AND n.writer = @1 \
                AND n.seq > @2 AND n.seq <= @3)
                """,
                [.text(writer), .integer(behind), .integer(last)]
            )
            let text = "\(Self.messages)\(conditions.clause) ORDER BY r.ended_seq, r.seq"
            do throws(Failure) {
                try sql.read(text, conditions.values) { (row) throws(Failure) in
                    if let event = try row.event() { messages.append(event) }
                    return true
                }
            } catch { throw SQL.unreadable(error) }
            place.sequences[writer] = last
        }
        return (messages, place)
    }

    /// The number of the outcome or change that is so many behind a place, or of the last one; nil when there is none.
    private func lastOutcome(of writer: String, behind: Int64, limit: Int) throws(AuditError) -> Int64? {
        let values: [QueryValue] = [.text(writer), .integer(behind)]
        let places = values.enumerated().map { SQL.dialect.place($0.offset + 1, $0.element) }
        let found = try number(
            """
            SELECT coalesce(max(x.seq), 0) FROM (SELECT seq FROM audit_events WHERE writer = \(places[0]) \
            AND seq > \(places[1]) AND kind <> 'decision' ORDER BY seq LIMIT \(max(1, limit))) x
            """,
            values
        )
        return found > behind ? found : nil
    }

    func chain(of writer: String, _ body: (ChainRow) -> Bool) throws(AuditError) {
        let room = EventRoom()
        let value = QueryValue.text(writer)
        let text = """
            SELECT \(Self.columns) FROM audit_events e WHERE e.writer = \(SQL.dialect.place(1, value))
            ORDER BY e.seq, \(SQL.dialect.arrival)
            """
        do throws(Failure) {
            try sql.walk(text, [value]) { (row) throws(Failure) in
                body(try row.chainRow(in: room.bytes))
            }
        } catch { throw SQL.unreadable(error) }
    }

    func heads(of writer: String) throws(AuditError) -> [AuditHead] {
        let value = QueryValue.text(writer)
        let length = ChainKey.codeLength + 1
        let text = """
            SELECT h.seq, h.kind, \(SQL.dialect.expression(.at, of: "h")), \(SQL.dialect.bytes("h.hash", atMost: length)),
                \(SQL.dialect.bytes("h.signature", atMost: length)) FROM audit_heads h
            WHERE h.writer = \(SQL.dialect.place(1, value)) ORDER BY h.seq
            """
        var heads: [AuditHead] = []
        do throws(Failure) {
            try sql.read(text, [value]) { (row) throws(Failure) in
                guard let kind = AuditHead.Kind(rawValue: try row.text(1)) else { return true }
                let head = AuditHead(
                    kind: kind,
                    writer: writer,
                    sequence: try row.integer(0),
                    hash: try row.bytes(3),
                    at: Timestamp(microseconds: try row.integer(2)),
                    signature: try row.bytes(4)
                )
                heads.append(head)
                return true
            }
        } catch { throw SQL.unreadable(error) }
        return heads
    }

    // MARK: -

    /// The start of a query of messages, in the columns of an event.
    private static var messages: String {
        let columns = AuditColumn.allCases.map { column in
            switch column {
            case .previousHash, .hash: "NULL"
            case _: SQL.dialect.expression(column, of: "r")
            }
        }
        return "SELECT \(columns.joined(separator: ", ")) FROM (\(SQL.messages)) r"
    }

    private static var columns: String {
        AuditColumn.allCases.map { SQL.dialect.expression($0, of: "e") }.joined(separator: ", ")
    }

    private func last(of writer: String) throws(AuditError) -> Int64 {
        let value = QueryValue.text(writer)
        let place = SQL.dialect.place(1, value)
        return try number("SELECT coalesce(max(seq), 0) FROM audit_events WHERE writer = \(place)", [value])
    }

    private func number(_ text: String, _ values: [QueryValue]) throws(AuditError) -> Int64 {
        var number: Int64 = 0
        do throws(Failure) {
            try sql.read(text, values) { (row) throws(Failure) in
                number = try row.integer(0)
                return false
            }
        } catch { throw SQL.unreadable(error) }
        return number
    }

    /// Hands over the events of a query, ordered by time and limited as it asks.
    private func walk(
        _ text: String,
        _ table: String,
        _ query: AuditQuery,
        _ values: [QueryValue],
        _ body: (AuditEvent) -> Bool
    ) throws(AuditError) {
        let direction = query.order == .newestFirst ? " DESC" : ""
        let limit = query.limit.map { " LIMIT \($0)" } ?? ""
        let order = " ORDER BY \(table).at\(direction), \(table).seq\(direction)\(limit)"
        do throws(Failure) {
            try sql.walk(text + order, values) { (row) throws(Failure) in
                guard let event = try row.event() else { return true }
                return body(event)
            }
        } catch { throw SQL.unreadable(error) }
    }
}
