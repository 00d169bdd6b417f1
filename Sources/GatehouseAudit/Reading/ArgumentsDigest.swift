internal import GatehouseCore

/// Finds calls by their arguments where only a keyed digest of them is kept.
package enum ArgumentsDigest {
    /// The digests that calls with these arguments have: under each key, and for each way to space the JSON that clients are known for. The digest
    /// covers the arguments as they were written, so the order of the members counts.
    package static func candidates(for arguments: String, keys: AuditKeys) -> [String] {
        var spellings: [[UInt8]] = []
        for spelling in [Array(arguments.utf8), spaced(arguments, ""), spaced(arguments, " ")]
        where !spellings.contains(spelling) {
            spellings.append(spelling)
        }
        var found: [String] = []
        for key in keys.digest.all + keys.digest.ended.map(\.key) {
            let hash = KeyedHash(key)
            for spelling in spellings {
                let digits = withUnsafeTemporaryAllocation(byteCount: KeyedHash.length, alignment: 8) { code in
                    guard let place = code.baseAddress else { return "" }
                    spelling.withUnsafeBytes { hash.code(over: $0, to: place) }
                    return Array(UnsafeRawBufferPointer(code)).hexDigits
                }
                if !found.contains(digits) { found.append(digits) }
            }
        }
        return found
    }

    /// The text with no white space between its tokens but `gap` behind each comma and colon: "" as `JSON.stringify` of JavaScript writes it, " "
    /// as `json.dumps` of Python does.
    static func spaced(_ text: String, _ gap: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var isInString = false
        var isEscaped = false
        for byte in text.utf8 {
            if isInString {
                bytes.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == 0x5C {
                    isEscaped = true
                } else if byte == 0x22 {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: break
            case 0x2C, 0x3A:
                bytes.append(byte)
                bytes += gap.utf8
            case _:
                if byte == 0x22 { isInString = true }
                bytes.append(byte)
            }
        }
        return bytes
    }
}
