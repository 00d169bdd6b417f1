/// Text that is safe to print: what a file says must not steer the terminal of who reads about it.
enum PlainText {
    /// Characters of a piece of the file that a message repeats; a longer one is cut.
    static let maximumEcho = 60

    /// Control characters and line breaks made visible.
    static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isControl(scalar) {
                plain.append(contentsOf: scalar.escaped(asASCII: true).unicodeScalars)
            } else {
                plain.append(scalar)
            }
        }
        return String(plain)
    }

    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        case _: return false
        }
    }

    /// A piece of the file, for a message.
    static func echo(_ text: String) -> String {
        text.count <= maximumEcho ? "'\(text)'" : "'\(text.prefix(maximumEcho))…'"
    }
}
