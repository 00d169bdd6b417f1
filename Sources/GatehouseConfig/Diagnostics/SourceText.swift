internal import GatehouseCore
internal import YAMLReader

/// The file's text as diagnostics quote it: one line, clipped, without its secrets.
struct SourceText {
    /// Characters of a quoted line; a longer one is clipped around the place.
    static let maximumWidth = 140

    private static let mask = Array("<redacted>".unicodeScalars)

    let bytes: [UInt8]
    /// Byte ranges that are never quoted.
    let redactions: [Range<Int>]
    /// Whether the text was understood. If not, lines are redacted by their looks.
    let isParsed: Bool

    init(_ bytes: [UInt8], redactions: [Range<Int>], isParsed: Bool) {
        self.bytes = Array(Self.content(of: bytes))
        self.redactions = redactions
        self.isParsed = isParsed
    }

    /// The text that positions count from: without a byte order mark.
    static func content(of text: [UInt8]) -> ArraySlice<UInt8> {
        text.starts(with: [0xEF, 0xBB, 0xBF]) ? text[3...] : text[...]
    }

    func excerpt(at span: YAMLSpan) -> Diagnostic.Excerpt? {
        let start = min(span.start.offset, bytes.count)
        // Clipped before anything else, so that a file of one long line costs no more than one of many.
        let reach = Self.maximumWidth * 4
        let from = lineStart(before: start, atMost: reach)
        let to = lineEnd(after: start, atMost: reach)
        let end = max(min(span.end.offset, to), start)
        var hidden = redactions.filter { $0.overlaps(from..<max(to, from + 1)) }
        hidden += SecretLooks.ranges(in: bytes, line: from..<to, isParsed: isParsed)
        var line: [Unicode.Scalar] = []
        var caret: Range<Int>?
        var isMasked = false
        var offset = from
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes[from..<to].makeIterator()
        while let (scalar, width) = Self.next(&parser, &iterator) {
            if hidden.contains(where: { $0.contains(offset) }) {
                if !isMasked { line += Self.mask }
                isMasked = true
            } else {
                line.append(scalar == "\t" || !PlainText.isControl(scalar) ? scalar : "\u{FFFD}")
                isMasked = false
            }
            let index = isMasked ? line.count - Self.mask.count : line.count - 1
            if offset <= start { caret = index..<line.count }
            if offset < end, let begun = caret { caret = begun.lowerBound..<line.count }
            offset += width
        }
        if start >= to { caret = line.count..<line.count + 1 }
        guard let caret else { return Diagnostic.Excerpt(text: "", underline: "^") }
        return Self.clip(line, caret)
    }

    /// A character and its bytes; a replacement character where they are not UTF-8.
    private static func next(
        _ parser: inout Unicode.UTF8.ForwardParser,
        _ bytes: inout ArraySlice<UInt8>.Iterator
    ) -> (Unicode.Scalar, Int)? {
        switch parser.parseScalar(from: &bytes) {
        case .valid(let encoded): (Unicode.UTF8.decode(encoded), encoded.count)
        case .error(let length): ("\u{FFFD}", length)
        case .emptyInput: nil
        }
    }

    private static func clip(_ line: [Unicode.Scalar], _ caret: Range<Int>) -> Diagnostic.Excerpt {
        let first = caret.lowerBound < maximumWidth * 3 / 4 ? 0 : caret.lowerBound - maximumWidth / 2
        let last = min(line.count, first + maximumWidth)
        var text = line[min(first, last)..<last]
        while let scalar = text.last, scalar == " " || scalar == "\t" { text.removeLast() }
        // Tabs stay tabs under tabs, so that the caret stands where the terminal puts the character.
        var underline = line[min(first, line.count)..<min(caret.lowerBound, line.count)].map { $0 == "\t" ? $0 : " " }
        underline.append("^")
        let length = min(caret.upperBound, max(last, caret.lowerBound + 1)) - caret.lowerBound
        underline += repeatElement("~", count: max(0, length - 1))
        return Diagnostic.Excerpt(text: string(text), underline: string(underline[...]))
    }

    /// Through UTF-8, since a String that grows by one scalar after the other takes its time.
    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var bytes: [UInt8] = []
        for scalar in scalars {
            if scalar.isASCII {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes += UTF8.encode(scalar)!
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func lineStart(before offset: Int, atMost reach: Int) -> Int {
        var index = offset
        while index > 0, offset - index < reach, bytes[index - 1] != 0x0A, bytes[index - 1] != 0x0D { index -= 1 }
        while index < offset, bytes[index] & 0xC0 == 0x80 { index += 1 }
        return index
    }

    private func lineEnd(after offset: Int, atMost reach: Int) -> Int {
        var index = offset
        while index < bytes.count, index - offset < reach, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
        while index < bytes.count, index > offset, bytes[index] & 0xC0 == 0x80 { index -= 1 }
        return index
    }
}
