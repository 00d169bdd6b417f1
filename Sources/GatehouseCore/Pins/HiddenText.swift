/// Text that a person does not see and a model reads: characters of no width, marks that turn the direction of text, commands to a terminal, the block of
/// tags that spells ASCII unseen, variation selectors in a row.
package enum HiddenText {
    /// The text with every such character as its escape, `\u{200b}`. White space other than a plain space is shown so, too.
    package static func shown(_ text: String) -> String {
        text.escaping { kind(of: $0) != nil }
    }

    /// The words that hidden characters of a text spell; empty where there are none.
    package static func warnings(of text: String) -> [String] {
        var counts: [Kind: Int] = [:]
        var spelled = ""
        for scalar in text.unicodeScalars {
            guard let kind = kind(of: scalar) else { continue }
            counts[kind, default: 0] += 1
            if kind == .tag, let letter = Unicode.Scalar(scalar.value - 0xE0000), letter.isASCII, letter.value >= 0x20,
                spelled.utf8.count < 200
            {
                spelled.unicodeScalars.append(letter)
            }
        }
        return Kind.allCases.compactMap { kind in
            counts[kind].map { count in
                let what = "\(count) \(count == 1 ? "character" : "characters") \(kind.rawValue)"
                return kind == .tag && !spelled.isEmpty ? "\(what), which spell \"\(spelled)\"" : what
            }
        }
    }

    private enum Kind: String, CaseIterable {
        case control = "that drive a terminal"
        case direction = "that turn the direction of text"
        case tag = "of the block of tags"
        case selector = "that are variation selectors"
        case unseen = "that are not seen"
        case space = "that are other spaces than a plain one"
    }

    private static func kind(of scalar: Unicode.Scalar) -> Kind? {
        switch scalar.value {
        case 0x20...0x7E: return nil
        // A line or a column in a description is what it looks like.
        case 0x09, 0x0A: return nil
        case 0x202A...0x202E, 0x2066...0x2069, 0x200E, 0x200F, 0x061C: return .direction
        case 0xE0000...0xE007F: return .tag
        case 0xFE00...0xFE0F, 0xE0100...0xE01EF: return .selector
        // Blank Braille, and the fillers of Hangul that are letters.
        case 0x2800, 0x115F, 0x1160, 0x3164, 0xFFA0: return .unseen
        case _: break
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control: return .control
        case .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: return .unseen
        case .spaceSeparator: return .space
        case _: return properties.isDefaultIgnorableCodePoint ? .unseen : nil
        }
    }
}
