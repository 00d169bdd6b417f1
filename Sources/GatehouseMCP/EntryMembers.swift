internal import GatehouseCore

/// Looks for the member that names a list entry. Strict about that one only: the rest of an entry is for whoever shows it, and an
/// odd description (a lone surrogate, a schema however deep) must not hide a tool that its caller may use.
enum EntryMembers {
    enum Found {
        case one(JSONString)
        /// Not there, or so that two readers could find different names.
        case unclear
    }

    /// - Parameter entry: one value of a list, its strings and brackets closed.
    static func find(_ name: StaticString, in entry: UnsafeRawBufferPointer) -> Found {
        var at = past(entry, 0) { isSpace($0) }
        guard at < entry.count, entry[at] == 0x7B else { return .unclear }
        at += 1
        var found: JSONString?
        while true {
            at = past(entry, at) { isSpace($0) || $0 == 0x2C }
            guard at < entry.count else { return .unclear }
            if entry[at] == 0x7D { return found.map { .one($0) } ?? .unclear }
            let keyEnd = end(ofValue: entry, at)
            guard let key = string(entry, at..<keyEnd) else { return .unclear }
            at = past(entry, keyEnd) { isSpace($0) }
            guard at < entry.count, entry[at] == 0x3A else { return .unclear }
            at = past(entry, at + 1) { isSpace($0) }
            let value = at..<end(ofValue: entry, at)
            guard !value.isEmpty else { return .unclear }
            if key == name {
                guard found == nil, let text = string(entry, value) else { return .unclear }
                found = text
            } else if FoldedName(key) == name {
                // Go's encoding/json takes it for the name.
                return .unclear
            }
            at = value.upperBound
        }
    }

    private static func string(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> JSONString? {
        do throws(JSONFault) {
            var scanner = try JSONScanner(UnsafeRawBufferPointer(rebasing: bytes[range]))
            guard scanner.next == .string else { return nil }
            let string = try scanner.string()
            try scanner.finish()
            return string
        } catch { return nil }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func past(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ passes: (UInt8) -> Bool) -> Int {
        var at = start
        while at < bytes.count, passes(bytes[at]) { at += 1 }
        return at
    }

    /// Behind a string, an object, an array or what else stands up to the next structural byte.
    private static func end(ofValue bytes: UnsafeRawBufferPointer, _ start: Int) -> Int {
        var depth = 0
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case 0x22:
                at = end(ofString: bytes, at)
                if depth == 0 { return at }
                continue
            case 0x7B, 0x5B: depth += 1
            case 0x7D, 0x5D:
                depth -= 1
                if depth <= 0 { return depth < 0 ? at : at + 1 }
            case 0x2C where depth == 0, 0x3A where depth == 0: return at
            case let byte where depth == 0 && isSpace(byte): return at
            case _: break
            }
            at += 1
        }
        return at
    }

    private static func end(ofString bytes: UnsafeRawBufferPointer, _ quote: Int) -> Int {
        var at = quote + 1
        while at < bytes.count, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
        return min(at + 1, bytes.count)
    }
}
