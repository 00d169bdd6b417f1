/// A place in a YAML text.
package struct YAMLMark: Hashable, Sendable {
    /// Counts from 1.
    package let line: Int
    /// The column in characters (Unicode scalars), from 1.
    package let column: Int
    /// The offset in bytes from the start of the text, after a byte order mark.
    package let offset: Int

    package init(line: Int, column: Int, offset: Int) {
        self.line = line
        self.column = column
        self.offset = offset
    }

    package static let start = YAMLMark(line: 1, column: 1, offset: 0)
}

/// The range from the first character of an element to just after its last.
package struct YAMLSpan: Hashable, Sendable {
    package let start: YAMLMark
    package let end: YAMLMark

    package init(start: YAMLMark, end: YAMLMark) {
        self.start = start
        self.end = end
    }

    package static let start = YAMLSpan(start: .start, end: .start)
}

/// One node of a document's tree.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// A mapping in the order of the text; the second of two equal keys is left out and reported.
        case mapping([YAMLEntry])
        /// An alias: reported where it stands, so nothing more is to be said about it.
        case refused
    }

    package let content: Content
    package let span: YAMLSpan
    /// Whether it is a collection in brackets. The span of one without them goes on to what follows it.
    package let isBracketed: Bool

    package init(_ content: Content, span: YAMLSpan, isBracketed: Bool = false) {
        self.content = content
        self.span = span
        self.isBracketed = isBracketed
    }
}

package struct YAMLScalar: Hashable, Sendable {
    package enum Style: Hashable, Sendable {
        /// Without quotes: such scalars may be null, a truth value or a number, as `true` and `12`.
        case plain
        /// In single or double quotes.
        case quoted
        /// After `|` or `>`.
        case block
    }

    /// The value: quotes removed, escapes resolved.
    package let text: String
    package let style: Style

    package init(text: String, style: Style) {
        self.text = text
        self.style = style
    }
}

package struct YAMLEntry: Sendable {
    package let key: String
    package let keySpan: YAMLSpan
    package let value: YAMLNode

    package init(key: String, keySpan: YAMLSpan, value: YAMLNode) {
        self.key = key
        self.keySpan = keySpan
        self.value = value
    }
}
