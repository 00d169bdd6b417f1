/// Writes JSON text member by member: for answers, logs and `--json` output, where order matters and Foundation does
/// not belong.
package struct JSONText: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init() {}

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Writes `{ … }`, as a member of an object when a name is given.
    package mutating func object(_ name: String? = nil, _ body: (inout JSONText) throws -> Void) rethrows {
        begin(name, 0x7B)
        try body(&self)
        end(0x7D)
    }

    /// Writes `[ … ]`, as a member of an object when a name is given.
    package mutating func array(_ name: String? = nil, _ body: (inout JSONText) throws -> Void) rethrows {
        begin(name, 0x5B)
        try body(&self)
        end(0x5D)
    }

    package mutating func string(_ name: String? = nil, _ value: some StringProtocol) {
        lead(name)
        quoted(value)
    }

    package mutating func number(_ name: String? = nil, _ value: some BinaryInteger) {
        lead(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    package mutating func number(_ name: String? = nil, _ value: Double) {
        lead(name)
        bytes.append(contentsOf: (value.isFinite ? String(value) : "null").utf8)
    }

    package mutating func bool(_ name: String? = nil, _ value: Bool) {
        lead(name)
        bytes.append(contentsOf: (value ? "true" : "false").utf8)
    }

    package mutating func null(_ name: String? = nil) {
        lead(name)
        bytes.append(contentsOf: "null".utf8)
    }

    /// A number as another document writes it.
    mutating func verbatim(_ name: String?, _ number: String) {
        lead(name)
        bytes.append(contentsOf: number.utf8)
    }

    private mutating func lead(_ name: String?) {
        if needsComma { bytes.append(0x2C) }
        needsComma = true
        if let name {
            quoted(name)
            bytes.append(0x3A)
        }
    }

    private mutating func begin(_ name: String?, _ bracket: UInt8) {
        lead(name)
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func quoted(_ value: some StringProtocol) {
        bytes.append(0x22)
        let isWritten = value.utf8.withContiguousStorageIfAvailable { text in
            guard text.allSatisfy({ $0 < 0x80 }) else { return false }
            // In one piece what is written as it is, as nearly everything.
            var start = text.startIndex
            for index in text.indices where text[index] &- 0x20 >= 0x5F || text[index] == 0x22 || text[index] == 0x5C {
                bytes.append(contentsOf: text[start..<index])
                add(text[index])
                start = index + 1
            }
            bytes.append(contentsOf: text[start...])
            return true
        }
        if isWritten != true { addScalars(of: value) }
        bytes.append(0x22)
    }

    /// Characters that would control a terminal or change the direction of the text around them are written as JSON escapes, which mean the same.
    private mutating func addScalars(of value: some StringProtocol) {
        for scalar in value.unicodeScalars {
            if scalar.isASCII {
                add(UInt8(truncatingIfNeeded: scalar.value))
            } else if scalar.isInvisible {
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    bytes.append(
                        contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8
                    )
                }
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar)!)
            }
        }
    }

    private mutating func add(_ byte: UInt8) {
        switch byte {
        case 0x22: bytes.append(contentsOf: [0x5C, 0x22])
        case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
        case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
        case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
        case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
        case 0..<0x20, 0x7F:
            let digits = String(byte, radix: 16)
            bytes.append(contentsOf: (digits.count == 1 ? "\\u000" : "\\u00").utf8)
            bytes.append(contentsOf: digits.utf8)
        case _: bytes.append(byte)
        }
    }
}
