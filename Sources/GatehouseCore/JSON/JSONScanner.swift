/// Pulls one JSON value (RFC 8259) out of contiguous bytes: strictly, without a tree and without allocating.
///
/// Stricter than the RFC asks where two parsers could read the same bytes differently: valid UTF-8 only, no byte order
/// mark, no lone surrogate in an escape, and, where the caller passes a ``JSONNames``, no member twice. Numbers stay as they are written. The caller
/// takes the value's parts in order and must take or ``skip()`` every member's value before it asks for the next member; a caller that does not gets
/// `.unexpected`, never a trap.
///
/// The bytes must outlive the scanner and all that it hands out.
@usableFromInline
package struct JSONScanner {
    /// Objects and arrays open at once, at most; one more is `.tooDeep`. One bit of a word each, hence 64.
    package static let maximumDepth = 64

    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let count: Int
    private let depthLimit: Int
    @usableFromInline package internal(set) var offset = 0
    /// The position just after the last token, before the white space behind it.
    package private(set) var tokenEnd = 0
    package private(set) var depth = 0
    /// The largest number of objects and arrays that were open at once in what ``skipUnread()`` passed, when it exceeded ``maximumDepth``. A caller
    /// that scans several values resets it between them.
    package var deepest = 0
    /// One bit for each open level, the innermost lowest: whether it is an object, and whether it had an entry yet.
    private var objects: UInt64 = 0
    private var started: UInt64 = 0

    /// Stands before the value. `depthLimit` bounds the objects and arrays open at once, 0 to ``maximumDepth``, clamped to
    /// that range. Throws `.byteOrderMark` alone.
    package init(
        _ bytes: UnsafeRawBufferPointer,
        depthLimit: Int = JSONScanner.maximumDepth
    ) throws(JSONFault) {
        base = bytes.start
        count = bytes.count
        self.depthLimit = min(max(0, depthLimit), Self.maximumDepth)
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { throw fault(.byteOrderMark) }
        pass(0)
    }

    /// The kind of the next value, judged by its first byte alone; nil at the end of the bytes or before anything but a value.
    @inlinable package var next: JSONKind? {
        switch byte {
        case 0x7B: return .object
        case 0x5B: return .array
        case 0x22: return .string
        case 0x2D, 0x30...0x39: return .number
        case 0x74, 0x66: return .bool
        case 0x6E: return .null
        case _: return nil
        }
    }

    // MARK: Objects and arrays

    package mutating func beginObject() throws(JSONFault) { try begin(0x7B, isObject: true) }

    package mutating func beginArray() throws(JSONFault) { try begin(0x5B, isObject: false) }

    /// The name of the next member, its value being next; nil when the object ended.
    package mutating func nextMember() throws(JSONFault) -> JSONString? {
        guard depth > 0, objects & 1 == 1 else { throw fault(.unexpected) }
        guard try nextEntry(closing: 0x7D) else { return nil }
        return try name()
    }

    /// As ``nextMember()``, and refuses a name that `names` holds already, escapes resolved.
    package mutating func nextMember(unique names: inout JSONNames) throws(JSONFault) -> JSONString? {
        guard let name = try nextMember() else { return nil }
        switch names.insert(name) {
        case .new: return name
        case .duplicate: throw fault(.duplicateMember)
        case .full: throw fault(.tooManyMembers)
        }
    }

    /// Whether the array has another element, which is then next.
    package mutating func nextElement() throws(JSONFault) -> Bool {
        guard depth > 0, objects & 1 == 0 else { throw fault(.unexpected) }
        return try nextEntry(closing: 0x5D)
    }

    // MARK: Scalars

    package mutating func bool() throws(JSONFault) -> Bool {
        let isTrue = byte == 0x74
        try literal(isTrue ? "true" : "false")
        return isTrue
    }

    package mutating func null() throws(JSONFault) { try literal("null") }

    /// Skips the next value, checking it as strictly as if it were read. Duplicate members are accepted inside it.
    ///
    /// - Returns: where the value stands in the bytes, without white space around it.
    @discardableResult
    package mutating func skip() throws(JSONFault) -> Range<Int> { try skip(isRead: true) }

    /// Skips the next value, which only another reader uses: as ``skip()``, but a string may hold an escape of half a surrogate pair, and nesting is
    /// noted in ``deepest`` and not bounded.
    ///
    /// - Returns: where the value stands in the bytes, without white space around it.
    @discardableResult
    package mutating func skipUnread() throws(JSONFault) -> Range<Int> { try skip(isRead: false) }

    @inline(__always)
    private mutating func skip(isRead: Bool) throws(JSONFault) -> Range<Int> {
        let start = offset
        let outside = depth
        repeat {
            if depth > outside {
                if objects & 1 == 1 {
                    guard try nextEntry(closing: 0x7D) else { continue }
                    _ = try name(isRead: isRead)
                } else {
                    guard try nextEntry(closing: 0x5D) else { continue }
                }
            }
            switch byte {
            case 0x22:
                _ = try passText(isRead: isRead)
                pass(1)
            case 0x7B, 0x5B:
                if !isRead, depth == Self.maximumDepth {
                    try passNested()
                } else {
                    try begin(byte, isObject: byte == 0x7B)
                }
            case 0x2D, 0x30...0x39: _ = try number()
            case 0x74: try literal("true")
            case 0x66: try literal("false")
            case 0x6E: try literal("null")
            case _: throw fault(.unexpected)
            }
        } while depth > outside
        return start..<tokenEnd
    }

    /// Skips an object or array that is nested deeper than ``maximumDepth``. Its levels are kept one bit each in memory of their own, so they take an
    /// eighth of the bytes that they are made of.
    @inline(never)
    private mutating func passNested() throws(JSONFault) {
        var levels: [UInt64] = []
        var open = 0
        var isFirst = true
        repeat {
            if open > 0 {
                let isObject = levels[(open &- 1) / 64] >> UInt64((open &- 1) % 64) & 1 == 1
                if byte == (isObject ? 0x7D : 0x5D) {
                    open &-= 1
                    isFirst = false
                    pass(1)
                    continue
                }
                if !isFirst {
                    guard byte == 0x2C else { throw fault(.unexpected) }
                    pass(1)
                }
                if isObject { _ = try name(isRead: false) }
            }
            isFirst = false
            switch byte {
            case 0x7B, 0x5B:
                let bit: UInt64 = 1 << UInt64(open % 64)
                if open / 64 == levels.count { levels.append(0) }
                if byte == 0x7B { levels[open / 64] |= bit } else { levels[open / 64] &= ~bit }
                open &+= 1
                deepest = max(deepest, depth &+ open)
                isFirst = true
                pass(1)
            case 0x22:
                _ = try passText(isRead: false)
                pass(1)
            case 0x2D, 0x30...0x39: _ = try number()
            case 0x74: try literal("true")
            case 0x66: try literal("false")
            case 0x6E: try literal("null")
            case _: throw fault(.unexpected)
            }
        } while open > 0
    }

    /// As ``skip()``, and refuses an object at any level inside that names a member twice, or more than `limit` members.
    package mutating func skipUnique(limit: Int = JSONNames.defaultLimit) throws(JSONFault) {
        switch next {
        case .object:
            try beginObject()
            var names = JSONNames(limit: limit)
            while try nextMember(unique: &names) != nil { try skipUnique(limit: limit) }
        case .array:
            try beginArray()
            while try nextElement() { try skipUnique(limit: limit) }
        case _: try skip()
        }
    }

    /// Confirms that nothing but white space follows the value.
    package func finish() throws(JSONFault) {
        guard depth == 0 else { throw fault(.unexpected) }
        guard offset == count else { throw fault(.trailingBytes) }
    }

    /// The bytes at a place that was passed.
    package func scanned(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "what was passed lies within the bytes")
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    // MARK: Inside

    func fault(_ code: JSONFault.Code) -> JSONFault { JSONFault(code: code, offset: offset) }

    /// The byte that is next, 0 at the end of the bytes. A NUL has no place outside strings, so both are refused alike.
    @inlinable @inline(__always)
    var byte: UInt8 { offset < count ? base.load(fromByteOffset: offset, as: UInt8.self) : 0 }

    /// The bytes, for what is seldom asked of them.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Consumes the last bytes of a token and the white space behind it.
    @inline(__always)
    mutating func pass(_ count: Int) {
        offset &+= count
        tokenEnd = offset
        if byte <= 0x20 { passWhitespace() }
    }

    @inline(never)
    private mutating func passWhitespace() {
        while byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { offset &+= 1 }
    }

    /// Consumes a member's name and the colon.
    @inline(__always)
    private mutating func name(isRead: Bool = true) throws(JSONFault) -> JSONString {
        guard byte == 0x22 else { throw fault(.unexpected) }
        let start = offset &+ 1
        let hasEscapes = try passText(isRead: isRead)
        let name = JSONString(base: base, range: start..<offset, hasEscapes: hasEscapes)
        pass(1)
        guard byte == 0x3A else { throw fault(.unexpected) }
        pass(1)
        return name
    }

    @inline(__always)
    private mutating func begin(_ bracket: UInt8, isObject: Bool) throws(JSONFault) {
        guard byte == bracket else { throw fault(.unexpected) }
        guard depth < depthLimit else { throw fault(.tooDeep) }
        depth &+= 1
        objects = objects &<< 1 | (isObject ? 1 : 0)
        started &<<= 1
        pass(1)
    }

    /// Consumes the comma or the closing bracket. False when the level was closed.
    @inline(__always)
    private mutating func nextEntry(closing bracket: UInt8) throws(JSONFault) -> Bool {
        if byte == bracket {
            depth &-= 1
            objects &>>= 1
            started &>>= 1
            pass(1)
            return false
        }
        if started & 1 == 1 {
            guard byte == 0x2C else { throw fault(.unexpected) }
            pass(1)
        } else if offset == count {
            throw fault(.unexpected)
        }
        started |= 1
        return true
    }

    @inline(__always)
    private mutating func literal(_ word: StaticString) throws(JSONFault) {
        let length = word.utf8CodeUnitCount
        guard count &- offset >= length, ByteWord.equal(base + offset, word) else { throw fault(.unexpected) }
        pass(length)
    }
}

/// The kind of a JSON value.
@usableFromInline
package enum JSONKind: Hashable, Sendable {
    case object, array, string, number, bool, null
}

/// Why bytes are not the JSON that is wanted, and where: `offset` counts bytes from the start.
package struct JSONFault: Error, Hashable, Sendable {
    package enum Code: String, Sendable {
        case byteOrderMark, invalidUTF8, invalidEscape, controlCharacter, invalidNumber
        /// A token that the grammar, or the caller's order of calls, does not allow at this place; also the end of the bytes.
        case unexpected
        case tooDeep, duplicateMember, tooManyMembers, trailingBytes
    }

    package let code: Code
    package let offset: Int

    package init(code: Code, offset: Int) {
        self.code = code
        self.offset = offset
    }
}
