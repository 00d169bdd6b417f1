/// The effective configuration as it is printed: canonical YAML.
indirect enum Shown: Sendable, Equatable {
    /// A number or a word that needs no quotes.
    case word(String)
    case text(String)
    case list([Shown])
    case mapping([(key: String, value: Shown)])
    /// Lines that were written before, for the place where they stand.
    case lines(String)

    static func == (one: Shown, other: Shown) -> Bool { one.yaml == other.yaml }

    /// A value that a variable gave is shown as a value; `$` is escaped, so that the output reads back as itself.
    static func value(_ text: String) -> Shown { .text(Substitution.escape(text)) }
    static func secret(_ key: String, _ place: String) -> Shown { .mapping([(key, .value(place))]) }

    var yaml: String {
        let text = text(indent: 0)
        return text.isEmpty ? "\n" : text
    }

    /// - Parameter isBehindDash: whether the first line's margin is there already, with the dash of an item.
    func text(indent: Int, isBehindDash: Bool = false) -> String {
        var bytes: [UInt8] = []
        write(indent: indent, to: &bytes, isBehindDash: isBehindDash)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes straight to the one text, as bytes: a file of a thousand routes has tens of thousands of lines.
    private func write(indent: Int, to text: inout [UInt8], isBehindDash: Bool = false) {
        var hasMargin = isBehindDash
        func begin() {
            if !hasMargin { text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent)) }
            hasMargin = false
        }
        switch self {
        case .word, .text:
            begin()
            writeInline(to: &text)
            text += "\n".utf8
        case .list(let items):
            for item in items {
                begin()
                text += "- ".utf8
                if item.isInline {
                    item.writeInline(to: &text)
                    text += "\n".utf8
                } else {
                    item.write(indent: indent + 2, to: &text, isBehindDash: true)
                }
            }
        case .mapping(let entries):
            for (key, value) in entries {
                begin()
                text += Self.scalar(key).utf8
                if value.isInline {
                    text += ": ".utf8
                    value.writeInline(to: &text)
                    text += "\n".utf8
                } else {
                    text += ":\n".utf8
                    value.write(indent: indent + 2, to: &text)
                }
            }
        case .lines(let lines): text += lines.utf8
        }
    }

    private var isInline: Bool {
        switch self {
        case .word, .text: true
        case .list(let items): items.allSatisfy { if case .mapping = $0 { $0.isInline } else { $0.isInline } }
        case .mapping(let entries): entries.isEmpty || entries.count == 1 && ["env", "file"].contains(entries[0].key)
        case .lines: false
        }
    }

    private func writeInline(to text: inout [UInt8]) {
        switch self {
        case .word(let word): text += word.utf8
        case .text(let plain): text += Self.scalar(plain).utf8
        case .list(let items):
            text += "[".utf8
            for (index, item) in items.enumerated() {
                if index > 0 { text += ", ".utf8 }
                item.writeInline(to: &text)
            }
            text += "]".utf8
        case .mapping(let entries):
            text += entries.isEmpty ? "{".utf8 : "{ ".utf8
            for (index, entry) in entries.enumerated() {
                if index > 0 { text += ", ".utf8 }
                text += Self.scalar(entry.key).utf8
                text += ": ".utf8
                entry.value.writeInline(to: &text)
            }
            text += entries.isEmpty ? "}".utf8 : " }".utf8
        case .lines(let lines): text += lines.utf8
        }
    }

    /// Words that YAML 1.1 or 1.2 reads as something else, whatever their case, and the length of the longest.
    private static let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].map { Array($0.utf8) }
    private static let longestReserved = reserved.map(\.count).max()!

    /// Whether YAML reads a plain scalar of these bytes as text, and as this one.
    private static func isWord(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = text.first, (first | 0x20) &- 0x61 < 26 || first == 0x2F, text.last != 0x3A,
            text.allSatisfy({
                ($0 | 0x20) &- 0x61 < 26 || (0x2D...0x3A).contains($0) || $0 == 0x5F || $0 == 0x40
            })
        else { return false }
        return text.count > longestReserved || !reserved.contains { $0.elementsEqual(text.lazy.map { $0 | 0x20 }) }
    }

    /// Plain where YAML cannot read it as anything but this text, in double quotes otherwise.
    static func scalar(_ text: String) -> String {
        let isWord = text.utf8.withContiguousStorageIfAvailable(isWord) ?? false
        if isWord { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where PlainText.isControl(scalar) || scalar.value == 0xFEFF:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                quoted += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            case _: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
