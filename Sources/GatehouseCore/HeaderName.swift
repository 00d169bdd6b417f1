/// The name of a header field (RFC 9110 section 5.1), compared without case.
package struct HeaderName: Hashable, Sendable, CustomStringConvertible {
    /// The name as the operator wrote it, and as it is sent upstream.
    package let text: String
    /// Lower case, with `_` and `.` read as `-`: some servers fold one into the other (CGI, WSGI, PHP), so a client's
    /// `x_coda_api_key` or `x.coda.api.key` must count as a copy of `X-Coda-Api-Key`.
    package let folded: String

    package init(parsing text: String) throws(InvalidValue) {
        guard !text.isEmpty, text.utf8.count <= 256, text.utf8.allSatisfy(\.isTokenCharacter) else {
            throw InvalidValue("'\(text)' is not a header name")
        }
        self.text = text
        folded = Self.fold(text)
    }

    /// - Precondition: a header name.
    init(known text: StaticString) {
        let text = "\(text)"
        precondition(text.utf8.allSatisfy(\.isTokenCharacter))
        (self.text, folded) = (text, Self.fold(text))
    }

    package static func fold(_ text: String) -> String {
        String(decoding: text.utf8.map(fold), as: UTF8.self)
    }

    package static func fold(_ byte: UInt8) -> UInt8 {
        byte == 0x5F || byte == 0x2E ? 0x2D : byte.lowercasedASCII
    }

    package static func == (one: HeaderName, other: HeaderName) -> Bool { one.folded == other.folded }
    package func hash(into hasher: inout Hasher) { hasher.combine(folded) }

    package var description: String { text }
}

/// Names of header fields that a route strips: an exact name, or a prefix followed by `*`.
package struct HeaderPattern: Hashable, Sendable {
    package let folded: String
    package let isPrefix: Bool

    package init(parsing text: String) throws(InvalidValue) {
        isPrefix = text.utf8.last == UInt8(ascii: "*")
        let stem = isPrefix ? String(text.dropLast()) : text
        guard !stem.isEmpty, stem.utf8.allSatisfy(\.isTokenCharacter), !stem.utf8.contains(UInt8(ascii: "*")) else {
            throw InvalidValue("'\(text)' is neither a header name nor a prefix of one with a '*' at its end")
        }
        folded = HeaderName.fold(stem)
    }
}
