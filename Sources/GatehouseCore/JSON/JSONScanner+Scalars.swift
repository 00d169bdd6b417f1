extension JSONScanner {
    /// The next value, a string, checked whole: UTF-8, escapes, no raw control character (RFC 8259 section 7).
    package mutating func string() throws(JSONFault) -> JSONString {
        guard byte == 0x22 else { throw fault(.unexpected) }
        let start = offset &+ 1
        let hasEscapes = try passText()
        let text = JSONString(base: base, range: start..<offset, hasEscapes: hasEscapes)
        pass(1)
        return text
    }

    /// The next value, a number, checked against the grammar and kept as written (RFC 8259 section 6).
    @inline(__always)
    package mutating func number() throws(JSONFault) -> JSONNumber {
        let start = offset
        var isInteger = true
        if byte == 0x2D { offset &+= 1 }
        if byte == 0x30 {
            offset &+= 1
        } else {
            try digits()
        }
        if byte == 0x2E {
            isInteger = false
            offset &+= 1
            try digits()
        }
        if byte | 0x20 == 0x65 {
            isInteger = false
            offset &+= 1
            if byte == 0x2B || byte == 0x2D { offset &+= 1 }
            try digits()
        }
        // `01`, `1.2.3`, `1x`: a number ends where structure or white space begins.
        switch byte {
        case 0x2C, 0x5D, 0x7D, 0x20, 0x0A, 0x0D, 0x09: break
        case _: guard offset == count else { throw fault(.invalidNumber) }
        }
        let text = JSONNumber(base: base, range: start..<offset, isInteger: isInteger)
        pass(0)
        return text
    }

    @inline(__always)
    private mutating func digits() throws(JSONFault) {
        guard byte.isASCIIDigit else { throw fault(.invalidNumber) }
        repeat { offset &+= 1 } while byte.isASCIIDigit
    }

    // MARK: Text

    /// Advances from a string's first quote to its last, and returns whether there are escapes between. Nearly all strings are plain to their end, so
    /// that is the short way.
    ///
    /// - Parameter isRead: whether this process may resolve the string: then half a surrogate pair, which is no character, is a fault.
    @inline(__always)
    mutating func passText(isRead: Bool = true) throws(JSONFault) -> Bool {
        offset = Self.plainEnd(base, offset &+ 1, count)
        return byte == 0x22 ? false : try passSpecials(isRead: isRead)
    }

    @inline(never)
    private mutating func passSpecials(isRead: Bool) throws(JSONFault) -> Bool {
        var hasEscapes = false
        while offset < count {
            switch bytes[offset] {
            case 0x22: return hasEscapes
            case 0x5C:
                hasEscapes = true
                try escape(isRead: isRead)
            case 0x00..<0x20: throw fault(.controlCharacter)
            case _: try multibyte()
            }
            offset = Self.plainEnd(base, offset, count)
        }
        throw fault(.unexpected)
    }

    /// The next quote, backslash, control character or byte above ASCII, or the end of the bytes. A function that touches nothing but
    /// registers: called once for each string, it is cheaper than copies of it.
    @inline(never)
    private static func plainEnd(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
        var at = start
        while at &+ 8 <= count {
            let special = specials(ByteWord.load(base, at))
            if special != 0 { return at &+ ByteWord.index(special) }
            at &+= 8
        }
        guard at < count else { return at }
        if count >= 8 {
            // The last eight bytes of all, those before shifted out; the zeros that come in are control characters and mark the end.
            return at &+ ByteWord.index(specials(ByteWord.load(base, count &- 8) &>> UInt64(8 &* (at &+ 8 &- count))))
        }
        while at < count, specials(UInt64(base.load(fromByteOffset: at, as: UInt8.self)) | 0x2020_2020_2020_2000) == 0 {
            at &+= 1
        }
        return at
    }

    /// Marks bytes that are not plain text. A byte of ASCII gets its high bit from a subtraction only by falling below zero; what a
    /// borrow marks wrongly stands above a marked byte, so the first mark is true.
    @inline(__always)
    private static func specials(_ word: UInt64) -> UInt64 {
        let quote = word ^ (ByteWord.ones &* 0x22)
        let slash = word ^ (ByteWord.ones &* 0x5C)
        return ((quote &- ByteWord.ones) | (slash &- ByteWord.ones) | (word &- ByteWord.ones &* 0x20) | word)
            & ByteWord.highs
    }

    private mutating func escape(isRead: Bool) throws(JSONFault) {
        guard bytes.count - offset >= 2 else { throw fault(.unexpected) }
        switch bytes[offset + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: offset += 2
        case 0x75:
            guard let unit = JSONString.codeUnit(bytes, at: offset) else { throw fault(.invalidEscape) }
            switch unit {
            case 0xD800..<0xE000 where !isRead: offset += 6
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
