/// The name of an upstream token in a store: 1 to 64 of `a-z A-Z 0-9 - _ .`, starting with a letter or digit.
package struct TokenName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(parsing text: String) throws(InvalidValue) {
        guard let first = text.utf8.first, first.isASCIILetter || first.isASCIIDigit, text.utf8.count <= 64,
            text.utf8.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E })
        else {
            throw InvalidValue(
                "'\(text)' is not a name: 1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit"
            )
        }
        self.text = text
    }

    package static func < (one: TokenName, other: TokenName) -> Bool { one.text < other.text }
    package var description: String { text }
}
