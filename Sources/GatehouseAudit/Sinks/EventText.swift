package import GatehouseCore

/// One event as one line of JSON, its columns in order and only those that say something.
extension AuditEvent {
    package func write(to json: inout JSONText, name: String? = nil) {
        json.object(name) { json in
            for column in AuditColumn.allCases {
                switch self[column] {
                case .none: break
                case .text(let text): json.string(column.name, text)
                case .integer(let number): json.number(column.name, number)
                case .time(let time): json.string(column.name, time.rfc3339)
                case .hash(let bytes), .sealed(let bytes): json.string(column.name, bytes.hexDigits)
                }
            }
        }
    }

    /// The line without its end.
    package var json: String {
        var json = JSONText()
        write(to: &json)
        return json.text
    }
}

extension AuditValue {
    /// The text for people and CSV; empty when there is no value.
    package var text: String {
        switch self {
        case .none: ""
        case .text(let text): text
        case .integer(let number): String(number)
        case .time(let time): time.rfc3339
        case .hash(let bytes), .sealed(let bytes): bytes.hexDigits
        }
    }
}

extension [UInt8] {
    var hexDigits: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
