internal import GatehouseCore
internal import PostgresClient

/// The events of a batch as PostgreSQL takes them for `unnest`: one array a column, in its text form.
struct PostgresColumns {
    private var arrays = [[UInt8]](repeating: [0x7B], count: AuditColumn.count)
    private var filled = [Int](repeating: 0, count: AuditColumn.count)
    /// Columns in which no event says anything.
    private var isSilent = [Bool](repeating: true, count: AuditColumn.count)
    private var count = 0

    mutating func add(_ record: SpoolRecord, of writer: String) {
        let isWhole = record.event.withUnsafeBytes { bytes in
            guard let head = EventDecoder.head(bytes) else { return false }
            add(.eventID, head.id.description)
            add(.requestID, head.requestID.description)
            add(.kind, head.kind.name)
            add(.at, head.at.rfc3339)
            return EventDecoder.fields(bytes) { column, value in
                isSilent[column.index] = false
                switch value {
                case .text(let text): quote(column, text)
                case .integer(let number): add(column, String(number))
                case .sealed(let bytes): add(column, hex: bytes)
                }
            }
        }
        // A record holds a whole event: its reader saw to that.
        precondition(isWhole, "a record holds an event in canonical form")
        Array(writer.utf8).withUnsafeBytes { quote(.writer, $0) }
        add(.sequence, String(record.sequence))
        if !record.hash.isEmpty {
            record.hash.withUnsafeBytes { add(.hash, hex: $0) }
            record.previousHash.withUnsafeBytes { add(.previousHash, hex: $0) }
        }
        count += 1
        for index in arrays.indices where filled[index] < count {
            begin(index)
            arrays[index] += "NULL".utf8
        }
    }

    /// The statement for these events, with one parameter a column, in their order.
    func statement(in place: PostgresPlace) -> PostgresStatement {
        let isFirst = AuditColumn.allCases.dropFirst(AuditColumn.firstRelease.count).allSatisfy { isSilent[$0.index] }
        let kept = isFirst ? AuditColumn.firstRelease.count : AuditColumn.count
        let values = arrays.prefix(kept).map { PostgresValue.text(String(decoding: $0 + [0x7D], as: UTF8.self)) }
        return PostgresStatement(place.qualified(isFirst ? PostgresSchema.firstInsert : PostgresSchema.insert), values)
    }

    // MARK: -

    private mutating func begin(_ index: Int) {
        if filled[index] > 0 { arrays[index].append(0x2C) }
        filled[index] += 1
    }

    /// Adds text that needs no quoting but that of its array.
    private mutating func add(_ column: AuditColumn, _ text: String) {
        begin(column.index)
        arrays[column.index].append(0x22)
        arrays[column.index] += text.utf8
        arrays[column.index].append(0x22)
    }

    private mutating func quote(_ column: AuditColumn, _ text: UnsafeRawBufferPointer) {
        begin(column.index)
        arrays[column.index].append(0x22)
        for byte in text {
            switch byte {
            // No text of PostgreSQL has one. The encoder writes none; the release before it did.
            case 0: arrays[column.index] += "\u{FFFD}".utf8
            case 0x22, 0x5C: arrays[column.index] += [0x5C, byte]
            case _: arrays[column.index].append(byte)
            }
        }
        arrays[column.index].append(0x22)
    }

    private mutating func add(_ column: AuditColumn, hex bytes: UnsafeRawBufferPointer) {
        begin(column.index)
        // Quoted, so that the backslash of `\x` reaches the type and not the array.
        arrays[column.index] += #""\\x"#.utf8
        let digits: StaticString = "0123456789abcdef"
        for byte in bytes {
            arrays[column.index].append(digits.utf8Start[Int(byte >> 4)])
            arrays[column.index].append(digits.utf8Start[Int(byte & 15)])
        }
        arrays[column.index].append(0x22)
    }
}
