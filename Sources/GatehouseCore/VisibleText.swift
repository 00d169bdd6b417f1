extension String {
    /// The text with some of its characters as their escapes, such as `\u{200b}`.
    package func escaping(_ isEscaped: (Unicode.Scalar) -> Bool) -> String {
        unicodeScalars.reduce(into: "") { shown, scalar in
            if isEscaped(scalar) {
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
    }

    /// Text from elsewhere, fit for a terminal: characters that would drive it are shown as escapes.
    package var visible: String { unicodeScalars.contains(where: \.isInvisible) ? escaping(\.isInvisible) : self }
}

extension Unicode.Scalar {
    /// Whether it is no sign but drives what shows it: C0 and C1 controls, marks of direction, separators of lines.
    package var isInvisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        case _: false
        }
    }
}
