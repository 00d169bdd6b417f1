extension JSONScanner {
    /// The next value, a string, checked whole: UTF-8, escapes, no raw control character (RFC 8259 section 7).
    package mutating func string() throws(JSONFault) -> JSONString {
        guard offset < bytes.count, bytes[offset] == 0x22 else { throw fault(.unexpected) }
        offset += 1
        let start = offset
        var hasEscapes = false
        while true {
            skipPlainWords()
            guard offset < bytes.count else { throw fault(.unexpected) }
            switch bytes[offset] {
            case 0x22:
                let text = JSONString(bytes: bytes, range: start..<offset, hasEscapes: hasEscapes)
                offset += 1
                skipWhitespace()
                return text
            case 0x5C:
                hasEscapes = true
                try escape()
            case 0x00..<0x20: throw fault(.controlCharacter)
            case 0x80...0xFF: try multibyte()
            case _: offset += 1
            }
        }
    }

    /// The next value, a number, checked against the grammar and kept as written (RFC 8259 section 6).
    package mutating func number() throws(JSONFault) -> JSONNumber {
        let start = offset
        var isInteger = true
        if peek == 0x2D { offset += 1 }
        if peek == 0x30 {
            offset += 1
        } else {
            try digits()
        }
        if peek == 0x2E {
            isInteger = false
            offset += 1
            try digits()
        }
        if peek == 0x65 || peek == 0x45 {
            isInteger = false
            offset += 1
            if peek == 0x2B || peek == 0x2D { offset += 1 }
            try digits()
        }
        // `01`, `1.2.3`, `1x`: a number ends where structure or white space begins.
        switch peek {
        case nil, 0x2C, 0x5D, 0x7D, 0x20, 0x0A, 0x0D, 0x09: break
        case _: throw fault(.invalidNumber)
        }
        let text = JSONNumber(bytes: bytes, range: start..<offset, isInteger: isInteger)
        skipWhitespace()
        return text
    }

    private var peek: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func digits() throws(JSONFault) {
        let start = offset
        while let byte = peek, byte.isASCIIDigit { offset += 1 }
        guard offset > start else { throw fault(.invalidNumber) }
    }

    /// Goes to the next quote, backslash, control character or byte above ASCII, eight bytes at a time; stops at the last
    /// few bytes of all.
    private mutating func skipPlainWords() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        guard let base = bytes.baseAddress else { return }
        let last = bytes.count - 8
        var at = offset
        while at <= last {
            let word = UInt64(littleEndian: (base + at).loadUnaligned(as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let special =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash | (word &- ones &* 0x20) & ~word | word) & highs
            guard special == 0 else {
                // Borrows mark bytes above a marked one only, so the first mark is true.
                at &+= special.trailingZeroBitCount >> 3
                break
            }
            at &+= 8
        }
        offset = at
    }

    private mutating func escape() throws(JSONFault) {
        guard bytes.count - offset >= 2 else { throw fault(.unexpected) }
        switch bytes[offset + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: offset += 2
        case 0x75:
            guard let unit = JSONString.codeUnit(bytes, at: offset) else { throw fault(.invalidEscape) }
            switch unit {
            case 0xD800..<0xDC00:
                guard let low = JSONString.codeUnit(bytes, at: offset + 6), (0xDC00..<0xE000).contains(low) else {
                    throw fault(.invalidEscape)
                }
                offset += 12
            case 0xDC00..<0xE000: throw fault(.invalidEscape)
            case _: offset += 6
            }
        case _: throw fault(.invalidEscape)
        }
    }

    /// One scalar of two to four bytes: the well-formed sequences of Unicode table 3-7, nothing overlong, no surrogate.
    private mutating func multibyte() throws(JSONFault) {
        let lead = bytes[offset]
        let count: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: count = 2
        case 0xE0...0xEF:
            count = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            count = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        case _: throw fault(.invalidUTF8)
        }
        guard bytes.count - offset >= count, second.contains(bytes[offset + 1]) else { throw fault(.invalidUTF8) }
        for index in 2..<max(2, count) where bytes[offset + index] & 0xC0 != 0x80 { throw fault(.invalidUTF8) }
        offset += count
    }
}
