internal import GatehouseCore
internal import SQLiteClient

/// Stores events as rows, several with one statement: opening the table and its indexes costs a statement more than a row does.
///
/// SQLite reads the values where they lie, in memory of this object's own: no text becomes a String on its way, and nothing is allocated.
final class SQLiteEventRows {
    /// Rows of a statement. Twice as many are no cheaper.
    private static let rowsAtOnce = 16
    /// Bytes that a row has for its event, its ids and its hashes where several go at once. An event that is longer goes alone.
    private static let slot = 4096
    /// Bytes behind an event: two ids and two hashes.
    private static let more = EventID.length + RequestID.length + 2 * Segment.hashLength

    private let one: SQLiteStatement
    private let several: SQLiteStatement
    private let room = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(rowsAtOnce * slot, EventEncoder.maximumLength + more),
        alignment: 8
    )

    init(on connection: SQLiteConnection) throws(SQLiteError) {
        one = try connection.prepare(SQLiteSchema.insert(rows: 1))
        several = try connection.prepare(SQLiteSchema.insert(rows: Self.rowsAtOnce))
        // The check of `kind` has three words, for which SQLite makes a tree anew with each statement: a third of all the work. What is written here
        // is one of them by its type; for everybody else's connection the check stands.
        try connection.execute("PRAGMA ignore_check_constraints=ON")
    }

    deinit { room.deallocate() }

    func store(_ records: [SpoolRecord], of writer: String) throws(SQLiteError) {
        // What is bound lies in the room, and must not be read once that holds other events.
        defer {
            one.clear()
            several.clear()
        }
        var rest = records[...]
        while !rest.isEmpty {
            let next = rest.prefix(Self.rowsAtOnce)
            if next.count == Self.rowsAtOnce, next.allSatisfy({ $0.event.count <= Self.slot - Self.more }) {
                try store(next, of: writer, with: several)
            } else {
                for index in next.indices { try store(next[index...index], of: writer, with: one) }
            }
            rest.removeFirst(next.count)
        }
    }

    private func store(
        _ records: ArraySlice<SpoolRecord>,
        of writer: String,
        with insert: SQLiteStatement
    ) throws(SQLiteError) {
        insert.clear()
        try insert.bind(writer, at: SQLiteSchema.writerPlace)
        for (row, record) in records.enumerated() {
            try bind(record, row, to: insert, at: UnsafeMutableRawBufferPointer(rebasing: room[(row * Self.slot)...]))
        }
        try insert.run()
    }

    private func bind(
        _ record: SpoolRecord,
        _ row: Int,
        to insert: SQLiteStatement,
        at room: UnsafeMutableRawBufferPointer
    ) throws(SQLiteError) {
        // A record holds a whole event: its reader saw to that, and to its length.
        precondition(record.event.count <= EventEncoder.maximumLength, "a record is no longer than an event may be")
        var end = 0
        func keep(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
            let place = end..<(end + bytes.count)
            end = place.upperBound
            room[place].copyBytes(from: bytes)
            return UnsafeRawBufferPointer(rebasing: room[place])
        }
        func place(_ column: AuditColumn) -> Int32 { SQLiteSchema.place(of: column, row: row) }

        let event = keep(record.event)
        guard let head = EventDecoder.head(event) else { preconditionFailure("a record holds an event") }
        let eventID = UnsafeMutableRawBufferPointer(rebasing: room[end..<(end + EventID.length)])
        head.id.write(to: eventID)
        let requestID = UnsafeMutableRawBufferPointer(
            rebasing: room[(end + EventID.length)..<(end + EventID.length + RequestID.length)]
        )
        head.requestID.write(to: requestID)
        end += EventID.length + RequestID.length
        try insert.bind(lentText: UnsafeRawBufferPointer(eventID), at: place(.eventID))
        try insert.bind(lentText: UnsafeRawBufferPointer(requestID), at: place(.requestID))
        try insert.bind(head.kind.name, at: place(.kind))
        try insert.bind(head.at.microseconds, at: place(.at))
        try insert.bind(record.sequence, at: place(.sequence))
        if !record.hash.isEmpty {
            try insert.bind(lentBlob: keep(record.hash), at: place(.hash))
            try insert.bind(lentBlob: keep(record.previousHash), at: place(.previousHash))
        }
        var failure: SQLiteError?
        let isWhole = EventDecoder.fields(event) { column, value in
            do throws(SQLiteError) {
                switch value {
                case .text(let text): try insert.bind(lentText: text, at: place(column))
                case .integer(let number): try insert.bind(number, at: place(column))
                case .sealed(let bytes): try insert.bind(lentBlob: bytes, at: place(column))
                }
            } catch { failure = error }
        }
        if let failure { throw failure }
        precondition(isWhole, "a record holds an event in canonical form")
    }
}
