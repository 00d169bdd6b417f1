/// One parameter, `$1` and on in a statement.
package enum PostgresValue: Sendable, Hashable {
    case null
    /// Sent as text; the server infers the type from the statement. NUL cannot be sent.
    case text(String)
    case int(Int64)
    case bool(Bool)
    /// Sent in binary as `bytea`.
    case bytes([UInt8])
    /// Sent in the binary form of a type, by its number in pg_type.dat.
    case binary(type: UInt32, [UInt8])
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(nilLiteral: ()) { self = .null }
}

/// Nothing of a value shows when it is printed.
extension PostgresValue: CustomStringConvertible, CustomReflectable {
    package var description: String { self == .null ? "null" : "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

package struct PostgresStatement: Sendable {
    package let sql: String
    package let values: [PostgresValue]

    package init(_ sql: String, _ values: [PostgresValue] = []) {
        self.sql = sql
        self.values = values
    }
}

/// Parameters as libpq takes them: arrays of types, addresses, lengths and formats, one entry a parameter.
struct PostgresParameters {
    /// `bytea` (pg_type.dat); 0 lets the server infer.
    private static let byteaType: UInt32 = 17
    /// The protocol counts parameters in 16 bits.
    static let maximumCount = 65_535

    private(set) var types: [UInt32] = []
    private(set) var lengths: [Int32] = []
    private(set) var formats: [Int32] = []
    private var offsets: [Int?] = []
    private var storage: [UInt8] = []

    init(_ values: [PostgresValue]) throws(PostgresError) {
        guard values.count <= Self.maximumCount else {
            throw PostgresError(.invalidParameter, "a statement has more than \(Self.maximumCount) parameters")
        }
        for value in values {
            switch value {
            case .null: append(nil)
            case .int(let number): append(Array(String(number).utf8))
            case .bool(let flag): append([UInt8(ascii: flag ? "t" : "f")])
            case .text(let text):
                guard !text.utf8.contains(0) else { throw PostgresError(.invalidParameter, "a text has a NUL") }
                append(Array(text.utf8))
            case .bytes(let bytes): try append(bytes, binary: Self.byteaType)
            case .binary(let type, let bytes): try append(bytes, binary: type)
            }
        }
    }

    private mutating func append(_ bytes: [UInt8], binary type: UInt32) throws(PostgresError) {
        guard bytes.count <= Int(Int32.max) else { throw PostgresError(.invalidParameter, "a value exceeds 2 GiB") }
        append(bytes, type: type, format: 1)
    }

    private mutating func append(_ bytes: [UInt8]?, type: UInt32 = 0, format: Int32 = 0) {
        types.append(type)
        formats.append(format)
        lengths.append(Int32(bytes?.count ?? 0))
        offsets.append(bytes == nil ? nil : storage.count)
        // libpq reads text parameters up to their NUL.
        if let bytes {
            storage += bytes
            storage.append(0)
        }
    }

    /// Passes the addresses of the values, valid during the call.
    func withAddresses<Result>(_ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
        storage.withUnsafeBytes { bytes in
            body(
                offsets.map { offset in
                    guard let offset, let base = bytes.baseAddress else { return nil }
                    return (base + offset).assumingMemoryBound(to: CChar.self)
                }
            )
        }
    }
}
