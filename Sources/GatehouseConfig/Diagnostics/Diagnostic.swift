/// One thing to say about a configuration file, addressed to who wrote it.
package struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    package enum Severity: String, Hashable, Sendable {
        /// The file is not used.
        case error
        /// The file is used; its author should look again.
        case warning
    }

    package let severity: Severity
    package let file: String
    /// Counts from 1; 0 when the file could not be read at all.
    package let line: Int
    /// The column in characters, from 1; 0 when the file could not be read at all.
    package let column: Int
    /// Never holds a secret or the value of an environment variable.
    package let message: String
    package let hint: String?
    /// The source line, secrets redacted, over a line that marks the place.
    package let excerpt: Excerpt?

    package init(
        _ severity: Severity,
        file: String,
        line: Int = 0,
        column: Int = 0,
        message: String,
        hint: String? = nil,
        excerpt: Excerpt? = nil
    ) {
        self.severity = severity
        self.file = file
        self.line = line
        self.column = column
        self.message = PlainText.oneLine(message)
        self.hint = hint.map { PlainText.oneLine($0) }
        self.excerpt = excerpt
    }

    /// The same, taken for an error.
    package var asError: Diagnostic {
        Diagnostic(.error, file: file, line: line, column: column, message: message, hint: hint, excerpt: excerpt)
    }

    /// `file:line:col: error: message`, then the source line, the caret and the hint, where there are any.
    package var description: String {
        let place = line > 0 ? "\(file):\(line):\(column)" : file
        var text = "\(place): \(severity.rawValue): \(message)"
        if let excerpt { text += "\n  \(excerpt.text)\n  \(excerpt.underline)" }
        if let hint { text += "\nhint: \(hint)" }
        return text
    }

    package struct Excerpt: Hashable, Sendable {
        package let text: String
        package let underline: String
    }
}

/// Why there is no configuration. One struct for the module: everything wrong with the file is in ``diagnostics``.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The file is missing, unreadable or too long.
        case unreadable
        /// The file says something that cannot be used.
        case invalid
    }

    package let code: Code
    /// The diagnostics in the order of the file, warnings among them; at least one error.
    package let diagnostics: [Diagnostic]

    package init(_ code: Code, _ diagnostics: [Diagnostic]) {
        self.code = code
        self.diagnostics = diagnostics
    }

    /// Every diagnostic as text, as `gatehouse check` prints them.
    package var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
