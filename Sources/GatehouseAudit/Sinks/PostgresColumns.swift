internal import GatehouseCore
internal import PostgresClient

/// The events of a batch as PostgreSQL takes them for `unnest`: one array a column, in its binary form (array_recv in arrayfuncs.c), which costs
/// both ends a copy where text has each byte looked at.
struct PostgresColumns {
    private var columns = AuditColumn.allCases.map { PostgresArray(PostgresSchema.type(of: $0)) }
    /// Columns in which no event says anything.
    private var isSilent = [Bool](repeating: true, count: AuditColumn.count)
    private var count = 0

    mutating func add(_ record: SpoolRecord, of writer: String) {
        let row = count
        count += 1
        let isWhole = record.event.withUnsafeBytes { bytes in
            guard let head = EventDecoder.head(bytes) else { return false }
            columns[AuditColumn.eventID.index].add(uuid: head.id, row)
            columns[AuditColumn.requestID.index].add(head.requestID.description, row)
            columns[AuditColumn.kind.index].add(head.kind.name, row)
            columns[AuditColumn.at.index].add(time: head.at, row)
            return EventDecoder.fields(bytes) { column, value in
                isSilent[column.index] = false
                switch value {
                case .text(let text): columns[column.index].add(text: text, row)
                case .integer(let number): columns[column.index].add(number, row)
                case .sealed(let bytes): columns[column.index].add(bytes, row)
                }
            }
        }
        // A record holds a whole event: its reader saw to that.
        precondition(isWhole, "a record holds an event in canonical form")
        columns[AuditColumn.writer.index].add(writer, row)
        columns[AuditColumn.sequence.index].add(record.sequence, row)
        guard !record.hash.isEmpty else { return }
        record.hash.withUnsafeBytes { columns[AuditColumn.hash.index].add($0, row) }
        record.previousHash.withUnsafeBytes { columns[AuditColumn.previousHash.index].add($0, row) }
    }

    /// The statement for these events, with one parameter a column, in their order.
    func statement(in place: PostgresPlace) -> PostgresStatement {
        let isFirst = AuditColumn.allCases.dropFirst(AuditColumn.firstRelease.count).allSatisfy { isSilent[$0.index] }
        let kept = isFirst ? AuditColumn.firstRelease.count : AuditColumn.count
        return PostgresStatement(
            isFirst ? place.firstInsert : place.insert,
            columns.prefix(kept).map { $0.value(rows: count) }
        )
    }
}
