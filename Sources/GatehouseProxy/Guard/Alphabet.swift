internal import GatehouseCore

/// The symbols of one form of a secret, and the byte strings that stand for each of them on the way to a client.
///
/// ``Reading`` matches by these tables, and ``GramFilter`` lists parts of the same strings: the filter cannot miss what a reading would find.
///
/// - Note: `@unchecked Sendable`: the memory is written in `init`, and neither changed nor freed afterwards. There are three of these in a process.
final class Alphabet: @unchecked Sendable {
    /// A byte of a spelling: one value, or a letter in either case.
    struct Letter: Equatable {
        let value: UInt8
        /// 0x20 for a letter that stands for both cases.
        let mask: UInt8

        @inline(__always)
        func matches(_ byte: UInt8) -> Bool { byte | mask == value }

        /// The bytes that match.
        var bytes: [UInt8] { mask == 0 ? [value] : [value, value & ~mask] }
    }

    typealias Spelling = [Letter]

    typealias Strings = UnsafeBufferPointer<UnsafeBufferPointer<Letter>>

    /// The spellings of each symbol.
    let spellings: UnsafeBufferPointer<Strings>
    /// Strings that may stand between two symbols, one at a time: the line ends of a wrapped text.
    let breaks: Strings
    /// The parts of four-byte windows that each symbol can fill.
    let parts: UnsafeBufferPointer<WindowParts>
    let breakParts: WindowParts

    private init(spellings: [[Spelling]], breaks: [Spelling]) {
        self.spellings = .immortal(spellings.map { .immortal($0.map { .immortal($0) }) })
        self.breaks = .immortal(breaks.map { .immortal($0) })
        parts = .immortal(spellings.map { WindowParts($0) })
        breakParts = WindowParts(breaks)
    }

    /// The bytes of the secret itself, 0x20 to 0x7E.
    static let text = Alphabet(
        spellings: (0..<256).map { (0x20..<0x7F).contains($0) ? spellings(of: UInt8($0)) : [] },
        breaks: []
    )

    /// The 64 symbols of both alphabets of RFC 4648, which may be mixed.
    static let base64 = Alphabet(
        spellings: (0..<64).map { value in
            let plain = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)[value]
            return switch plain {
            case 0x2B: spellings(of: plain) + [exactly("-")]
            case 0x2F: spellings(of: plain) + [exactly("_")]
            case _: [[Letter(value: plain, mask: 0)]]
            }
        },
        breaks: lineEnds
    )

    /// The 16 digits in either case.
    static let hexadecimal = Alphabet(
        spellings: (0..<16).map { [digits(String($0, radix: 16))] },
        breaks: []
    )

    // MARK: - Spellings

    /// A byte as it is, and as JSON, URLs, forms and HTML write it. JSON may stand in a string of JSON, as the results of MCP's tools do.
    private static func spellings(of byte: UInt8) -> [Spelling] {
        let plain: Spelling = [Letter(value: byte, mask: 0)]
        let hex = digits(String(byte >> 4, radix: 16) + String(byte & 15, radix: 16))
        var all = [plain, exactly("%") + hex, exactly(#"\u00"#) + hex, exactly(#"\\u00"#) + hex]
        switch byte {
        case 0x20: all.append(exactly("+"))
        case 0x22, 0x2F: all += (1...3).map { exactly(String(repeating: #"\"#, count: $0)) + plain }
        case 0x5C: all += [2, 4].map { exactly(String(repeating: #"\"#, count: $0)) }
        case _: break
        }
        guard !byte.isASCIILetter, !byte.isASCIIDigit else { return all }
        all += [exactly("&#\(byte);"), exactly("&#0\(byte);"), exactly("&#") + cased("x") + hex + exactly(";")]
        if let name = entities[byte] { all.append(exactly("&\(name);")) }
        return all
    }

    /// Entities that template engines write.
    private static let entities: [UInt8: String] = [0x26: "amp", 0x3C: "lt", 0x3E: "gt", 0x22: "quot", 0x27: "apos"]

    /// The line ends of MIME (RFC 2045 section 6.8), also without the CR: as they are, in a string of JSON, and in an event whose text has several lines.
    private static let lineEnds = ["\r\n", "\n", #"\r\n"#, #"\n"#, "\ndata: ", "\r\ndata: "].map { exactly($0) }

    private static func exactly(_ text: String) -> Spelling { text.utf8.map { Letter(value: $0, mask: 0) } }

    private static func cased(_ text: String) -> Spelling { text.utf8.map { Letter(value: $0, mask: 0x20) } }

    private static func digits(_ text: String) -> Spelling {
        text.utf8.map { Letter(value: $0, mask: $0 < 0x3A ? 0 : 0x20) }
    }
}
