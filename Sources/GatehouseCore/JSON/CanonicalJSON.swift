/// The canonical form of JSON (RFC 8785): no white space, members in the order of their names' UTF-16 code units, numbers as ECMAScript writes
/// them, strings with the escapes that they need and no others. Texts that mean the same have the same form.
///
/// Stricter than the RFC in one thing: a name that stands twice in an object is a fault, because readers differ in which of the two they take.
package struct CanonicalJSON {
    /// Characters of a number as it is written; no number that is meant needs as many.
    static let maximumNumber = 400

    private(set) package var bytes: [UInt8] = []

    package init() {}

    /// Appends the value that is next.
    ///
    /// - Throws: `invalidNumber` for one beyond the range of doubles, `duplicateMember`, and all that ``JSONScanner`` throws.
    package mutating func append(_ scanner: inout JSONScanner) throws(JSONFault) {
        switch scanner.next {
        case .object: try appendObject(&scanner)
        case .array:
            try scanner.beginArray()
            bytes.append(0x5B)
            var isFirst = true
            while try scanner.nextElement() {
                if !isFirst { bytes.append(0x2C) }
                isFirst = false
                try append(&scanner)
            }
            bytes.append(0x5D)
        case .string: append(try scanner.string())
        case .number:
            let offset = scanner.offset
            let number = try scanner.number()
            guard number.raw.count <= Self.maximumNumber,
                let value = Double(String(decoding: number.raw, as: UTF8.self)), value.isFinite
            else { throw JSONFault(code: .invalidNumber, offset: offset) }
            append(value)
        case .bool: bytes += try scanner.bool() ? "true".utf8 : "false".utf8
        case .null, nil:
            try scanner.null()
            bytes += "null".utf8
        }
    }

    private mutating func appendObject(_ scanner: inout JSONScanner) throws(JSONFault) {
        try scanner.beginObject()
        var members = CanonicalMembers()
        while let name = try scanner.nextMember() {
            var value = CanonicalJSON()
            try value.append(&scanner)
            members.add(name.text, value.bytes)
        }
        guard append(&members) else { throw JSONFault(code: .duplicateMember, offset: scanner.offset) }
    }

    /// Appends an object of members that are canonical already.
    ///
    /// - Returns: false for two of one name.
    package mutating func append(_ members: inout CanonicalMembers) -> Bool {
        guard members.sort() else { return false }
        bytes.append(0x7B)
        for (index, member) in members.all.enumerated() {
            if index > 0 { bytes.append(0x2C) }
            append(member.name)
            bytes.append(0x3A)
            bytes += member.value
        }
        bytes.append(0x7D)
        return true
    }

    private mutating func append(_ string: JSONString) {
        string.withResolvedBytes { append(text: $0) }
    }

    private mutating func append(_ name: String) {
        var name = name
        name.withUTF8 { append(text: UnsafeRawBufferPointer($0)) }
    }

    /// RFC 8785 section 3.2.2.2.
    private mutating func append(text: UnsafeRawBufferPointer) {
        bytes.append(0x22)
        for byte in text {
            switch byte {
            case 0x22, 0x5C: bytes += [0x5C, byte]
            case 0x08: bytes += #"\b"#.utf8
            case 0x09: bytes += #"\t"#.utf8
            case 0x0A: bytes += #"\n"#.utf8
            case 0x0C: bytes += #"\f"#.utf8
            case 0x0D: bytes += #"\r"#.utf8
            case 0x00..<0x20:
                bytes += #"\u00"#.utf8
                bytes += [Hex.digit(byte >> 4), Hex.digit(byte & 15)]
            case _: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }

    /// Number::toString of ECMAScript (ECMA-262 section 6.1.6.1.20). The digits are those of Swift's description: the fewest that read back as the
    /// same number, and of these the closest.
    private mutating func append(_ value: Double) {
        guard value != 0 else { return bytes.append(0x30) }
        var digits: [UInt8] = []
        // The value is 0.DIGITS times ten to the power of this.
        var point = 0
        var isBehindPoint = false
        var rest = Substring(value.magnitude.description)
        while let character = rest.utf8.first, character != 0x65 {
            rest.removeFirst()
            if character == 0x2E {
                isBehindPoint = true
            } else {
                if !isBehindPoint { point += 1 }
                digits.append(character)
            }
        }
        if !rest.isEmpty { point += Int(rest.dropFirst()) ?? 0 }
        while digits.first == 0x30 {
            digits.removeFirst()
            point -= 1
        }
        while digits.last == 0x30 { digits.removeLast() }
        if value < 0 { bytes.append(0x2D) }
        appendDecimal(digits, point)
    }

    private mutating func appendDecimal(_ digits: [UInt8], _ point: Int) {
        switch point {
        case digits.count...21 where digits.count <= 21:
            bytes += digits
            bytes += Array(repeating: 0x30, count: point - digits.count)
        case 1...21:
            bytes += digits[..<point]
            bytes.append(0x2E)
            bytes += digits[point...]
        case -5...0:
            bytes += "0.".utf8
            bytes += Array(repeating: 0x30, count: -point)
            bytes += digits
        case _:
            bytes += digits.prefix(1)
            if digits.count > 1 {
                bytes.append(0x2E)
                bytes += digits.dropFirst()
            }
            bytes += (point > 0 ? "e+" : "e-").utf8
            bytes += "\((point - 1).magnitude)".utf8
        }
    }
}

/// The members of one object on their way into canonical form.
package struct CanonicalMembers {
    private(set) var all: [(name: String, order: [UInt16], value: [UInt8])] = []

    package init() {}

    /// - Parameter value: in canonical form.
    package mutating func add(_ name: String, _ value: [UInt8]) { all.append((name, Array(name.utf16), value)) }

    /// - Returns: false when two have the same name.
    fileprivate mutating func sort() -> Bool {
        all.sort { $0.order.lexicographicallyPrecedes($1.order) }
        return !zip(all, all.dropFirst()).contains { $0.order == $1.order }
    }
}
