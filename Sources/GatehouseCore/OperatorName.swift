/// The grammar of the names that operators give to routes, tokens and stores: 1 to 64 of `a-z A-Z 0-9 - _ .`, starting with a letter or digit.
package enum OperatorName {
    /// The longest one, in bytes.
    package static let maximumLength = 64

    package static func matches(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter || first.isASCIIDigit else { return false }
        return text.utf8.count <= maximumLength
            && text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    static func checked(_ text: String) throws(InvalidValue) -> String {
        guard matches(text) else {
            throw InvalidValue(
                "'\(text)' is not a name: 1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit"
            )
        }
        return text
    }
}
