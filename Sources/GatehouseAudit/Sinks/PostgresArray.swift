internal import GatehouseCore
internal import PostgresClient

/// A parameter of an array type, filled row by row. Rows of which nothing is said are NULL.
struct PostgresArray {
    /// The name of a type, and the numbers in pg_type.dat of it and of an array of it.
    struct ElementType {
        let name: String
        let element: UInt32
        let array: UInt32

        static let uuid = ElementType(name: "uuid", element: 2950, array: 2951)
        static let text = ElementType(name: "text", element: 25, array: 1009)
        static let bigint = ElementType(name: "bigint", element: 20, array: 1016)
        static let bytea = ElementType(name: "bytea", element: 17, array: 1001)
        static let timestamptz = ElementType(name: "timestamptz", element: 1184, array: 1185)
    }

    private let type: ElementType
    private var bytes: [UInt8] = []
    private var filled = 0

    init(_ type: ElementType) { self.type = type }

    mutating func add(_ value: UnsafeRawBufferPointer, _ row: Int) {
        begin(value.count, row)
        bytes.append(contentsOf: value)
    }

    mutating func add(_ text: String, _ row: Int) {
        var text = text
        text.withUTF8 { add(text: UnsafeRawBufferPointer($0), row) }
    }

    mutating func add(text: UnsafeRawBufferPointer, _ row: Int) {
        // No text of PostgreSQL has a NUL, or what is no UTF-8: one such value would keep its whole batch out. The encoder writes none; the release before
        // it did.
        guard !text.allSatisfy({ $0 &- 1 < 0x7F }) else { return add(text, row) }
        let mended = String(decoding: text, as: UTF8.self).utf8.flatMap { $0 == 0 ? Array("\u{FFFD}".utf8) : [$0] }
        mended.withUnsafeBytes { add($0, row) }
    }

    mutating func add(_ number: Int64, _ row: Int) {
        begin(8, row)
        append(UInt64(bitPattern: number))
    }

    mutating func add(uuid id: EventID, _ row: Int) {
        begin(16, row)
        append(id.high)
        append(id.low)
    }

    /// Microseconds since the beginning of 2000 (timestamptz_recv in timestamp.c).
    mutating func add(time: Timestamp, _ row: Int) { add(time.microseconds &- 946_684_800_000_000, row) }

    /// The parameter, of so many rows.
    func value(rows: Int) -> PostgresValue {
        var whole = PostgresArray(type)
        whole.bytes.reserveCapacity(20 + bytes.count + 4 * (rows - filled))
        // One dimension that begins at 1, with NULLs perhaps.
        for word in [1, 1, type.element, UInt32(rows), 1] { whole.append(word) }
        whole.bytes += bytes
        whole.filled = filled
        whole.pad(to: rows)
        return .binary(type: type.array, whole.bytes)
    }

    // MARK: -

    private mutating func begin(_ length: Int, _ row: Int) {
        pad(to: row)
        filled += 1
        append(UInt32(length))
    }

    /// The length of a NULL is -1.
    private mutating func pad(to row: Int) {
        while filled < row {
            append(UInt32.max)
            filled += 1
        }
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
