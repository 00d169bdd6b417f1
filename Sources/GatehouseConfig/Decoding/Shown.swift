/// The effective configuration as it is printed: canonical YAML.
indirect enum Shown: Sendable, Equatable {
    /// A number or a word that needs no quotes.
    case word(String)
    case text(String)
    case list([Shown])
    case mapping([(key: String, value: Shown)])

    static func == (one: Shown, other: Shown) -> Bool { one.yaml == other.yaml }

    /// A value that a variable gave is shown as a value; `$` is escaped, so that the output reads back as itself.
    static func value(_ text: String) -> Shown { .text(Substitution.escape(text)) }
    static func secret(_ key: String, _ place: String) -> Shown { .mapping([(key, .value(place))]) }

    var yaml: String {
        var lines: [String] = []
        write(indent: 0, into: &lines)
        return lines.joined(separator: "\n") + "\n"
    }

    private func write(indent: Int, into lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .word, .text:
            lines.append(margin + inline)
        case .list(let items):
            for item in items {
                var nested: [String] = []
                item.write(indent: indent + 2, into: &nested)
                if item.isInline {
                    lines.append("\(margin)- \(item.inline)")
                } else if let first = nested.first {
                    lines.append("\(margin)- \(first.dropFirst(indent + 2))")
                    lines += nested.dropFirst()
                }
            }
        case .mapping(let entries):
            for (key, value) in entries {
                let name = Self.scalar(key)
                if value.isInline {
                    lines.append("\(margin)\(name): \(value.inline)")
                } else {
                    lines.append("\(margin)\(name):")
                    value.write(indent: indent + 2, into: &lines)
                }
            }
        }
    }

    private var isInline: Bool {
        switch self {
        case .word, .text: true
        case .list(let items): items.allSatisfy { if case .mapping = $0 { $0.isInline } else { $0.isInline } }
        case .mapping(let entries): entries.isEmpty || entries.count == 1 && ["env", "file"].contains(entries[0].key)
        }
    }

    private var inline: String {
        switch self {
        case .word(let word): word
        case .text(let text): Self.scalar(text)
        case .list(let items): "[" + items.map(\.inline).joined(separator: ", ") + "]"
        case .mapping(let entries):
            entries.isEmpty
                ? "{}"
                : "{ " + entries.map { "\(Self.scalar($0.key)): \($0.value.inline)" }.joined(separator: ", ") + " }"
        }
    }

    /// Plain where YAML cannot read it as anything but this text, in double quotes otherwise.
    static func scalar(_ text: String) -> String {
        let isWord =
            text.utf8.first.map { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x2F } ?? false
            && text.utf8.last != 0x3A
            && text.utf8.allSatisfy {
                ($0 | 0x20) &- 0x61 < 26 || (0x2D...0x3A).contains($0) || $0 == 0x5F || $0 == 0x40
            }
            && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
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
