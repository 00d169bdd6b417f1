/// Pulls one JSON value (RFC 8259) out of contiguous bytes: strictly, without a tree and without allocating.
///
/// Stricter than the RFC asks where two parsers could read the same bytes differently: valid UTF-8 only, no byte order
/// mark, no lone surrogate in an escape, and, where the caller passes a ``JSONNames``, no member twice. Numbers stay as
/// they are written. The caller walks the value in order and must take or ``skip()`` every member's value before it
/// asks for the next member; a walk that does not is refused as `.unexpected`, never a trap.
///
/// The bytes must outlive the scanner and all that it hands out.
package struct JSONScanner {
    /// Objects and arrays open at once, at most; one more is `.tooDeep`. One bit of a word each, hence 64.
    package static let maximumDepth = 64

    let bytes: UnsafeRawBufferPointer
    let depthLimit: Int
    package internal(set) var offset = 0
    package private(set) var depth = 0
    /// One bit for each open level, the innermost lowest: whether it is an object, and whether it had an entry yet.
    private var objects: UInt64 = 0
    private var started: UInt64 = 0

    /// Stands before the value. `depthLimit` bounds the objects and arrays open at once, 0 to ``maximumDepth``, clamped to
    /// that range. Throws `.byteOrderMark` alone.
    package init(
        _ bytes: UnsafeRawBufferPointer,
        depthLimit: Int = JSONScanner.maximumDepth
    ) throws(JSONFault) {
        self.bytes = bytes
        self.depthLimit = min(max(0, depthLimit), Self.maximumDepth)
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { throw fault(.byteOrderMark) }
        skipWhitespace()
    }

    /// What comes next, told by its first byte alone; nil at the end of the bytes or before anything but a value.
    package var next: JSONKind? {
        guard offset < bytes.count else { return nil }
        switch bytes[offset] {
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
        let name = try string()
        guard offset < bytes.count, bytes[offset] == 0x3A else { throw fault(.unexpected) }
        offset += 1
        skipWhitespace()
        return name
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
        if next == .bool, bytes[offset] == 0x74 {
            try literal("true")
            return true
        }
        try literal("false")
        return false
    }

    package mutating func null() throws(JSONFault) { try literal("null") }

    /// Passes over the next value, checking it as strictly as if it were read. Duplicate members pass inside it.
    ///
    /// - Returns: where the value stands in the bytes, without white space around it.
    @discardableResult
    package mutating func skip() throws(JSONFault) -> Range<Int> {
        let start = offset
        let outside = depth
        var end = start
        repeat {
            if depth > outside {
                if objects & 1 == 1 {
                    guard try nextMember() != nil else {
                        end = closed
                        continue
                    }
                } else {
                    guard try nextElement() else {
                        end = closed
                        continue
                    }
                }
            }
            switch next {
            case .object: try beginObject()
            case .array: try beginArray()
            case .string: end = try string().range.upperBound + 1
            case .number: end = try number().range.upperBound
            case .bool:
                end = offset + (bytes[offset] == 0x74 ? 4 : 5)
                _ = try bool()
            case .null:
                end = offset + 4
                try null()
            case nil: throw fault(.unexpected)
            }
        } while depth > outside
        return start..<end
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
        guard offset == bytes.count else { throw fault(.trailingBytes) }
    }

    /// The bytes at a place that was passed.
    package func scanned(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    // MARK: Inside

    /// The position just after the bracket that closed the last object or array.
    private var closed = 0

    func fault(_ code: JSONFault.Code) -> JSONFault { JSONFault(code: code, offset: offset) }

    mutating func skipWhitespace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            case _: return
            }
        }
    }

    private mutating func begin(_ bracket: UInt8, isObject: Bool) throws(JSONFault) {
        guard offset < bytes.count, bytes[offset] == bracket else { throw fault(.unexpected) }
        guard depth < depthLimit else { throw fault(.tooDeep) }
        offset += 1
        depth += 1
        objects = objects << 1 | (isObject ? 1 : 0)
        started <<= 1
        skipWhitespace()
    }

    /// Passes the comma or the closing bracket. False when the level was closed.
    private mutating func nextEntry(closing bracket: UInt8) throws(JSONFault) -> Bool {
        guard offset < bytes.count else { throw fault(.unexpected) }
        if bytes[offset] == bracket {
            offset += 1
            closed = offset
            depth -= 1
            objects >>= 1
            started >>= 1
            skipWhitespace()
            return false
        }
        if started & 1 == 1 {
            guard bytes[offset] == 0x2C else { throw fault(.unexpected) }
            offset += 1
            skipWhitespace()
        }
        started |= 1
        return true
    }

    private mutating func literal(_ word: StaticString) throws(JSONFault) {
        let count = word.utf8CodeUnitCount
        guard bytes.count - offset >= count else { throw fault(.unexpected) }
        for index in 0..<count where bytes[offset + index] != word.utf8Start[index] { throw fault(.unexpected) }
        offset += count
        skipWhitespace()
    }
}

/// What kind of value comes next.
package enum JSONKind: Hashable, Sendable {
    case object, array, string, number, bool, null
}

/// Why bytes are not the JSON that is wanted, and where: `offset` counts bytes from the start.
package struct JSONFault: Error, Hashable, Sendable {
    package enum Code: String, Sendable {
        case byteOrderMark, invalidUTF8, invalidEscape, controlCharacter, invalidNumber
        /// Another token than the grammar, or the caller's walk, has at this place; also the end of the bytes.
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
