/// Turns libyaml's marks, which count characters, into marks that also count bytes.
///
/// Marks come nearly in order, so counting on from the last one makes the whole text cost one pass, however long its lines are.
struct SourcePositions {
    private let bytes: [UInt8]
    private var character = 0
    private var offset = 0
    private lazy var end = mark(atByte: bytes.count)

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Parameters:
    ///   - index: characters from the start of the text.
    ///   - line: counts from 0.
    ///   - column: in characters, counts from 0.
    mutating func mark(index: Int, line: Int, column: Int) -> YAMLMark {
        while character < index, offset < bytes.count {
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
            character += 1
        }
        while character > index, offset > 0 {
            offset -= 1
            while offset > 0, bytes[offset] & 0xC0 == 0x80 { offset -= 1 }
            character -= 1
        }
        // At the text's end libyaml counts one line too many when no line break ends it.
        if offset == bytes.count { return end }
        return YAMLMark(line: line + 1, column: column + 1, offset: offset)
    }

    /// The mark of a byte, for errors that come without line and column. Lines end as libyaml ends them.
    func mark(atByte target: Int) -> YAMLMark {
        let target = min(max(target, 0), bytes.count)
        var line = 1
        var start = 0
        var index = 0
        while index < target {
            let length = lineBreak(at: index)
            index += max(length, 1)
            if length > 0, index <= target {
                line += 1
                start = index
            }
        }
        let column = bytes[start..<target].count { $0 & 0xC0 != 0x80 }
        return YAMLMark(line: line, column: column + 1, offset: target)
    }

    /// The bytes of a line break at the start: CR, LF, CR LF, and the NEL, LS and PS of YAML 1.1. 0 when there is none.
    private func lineBreak(at index: Int) -> Int {
        func follows(_ distance: Int, _ byte: UInt8) -> Bool {
            index + distance < bytes.count && bytes[index + distance] == byte
        }
        switch bytes[index] {
        case 0x0A: return 1
        case 0x0D: return follows(1, 0x0A) ? 2 : 1
        case 0xC2: return follows(1, 0x85) ? 2 : 0
        case 0xE2: return follows(1, 0x80) && (follows(2, 0xA8) || follows(2, 0xA9)) ? 3 : 0
        case _: return 0
        }
    }

    /// The offset of the first byte that is not UTF-8, nil when all are.
    static func firstInvalidByte(of bytes: [UInt8]) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded): offset += encoded.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }
}
