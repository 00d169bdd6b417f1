/// The path prefix of a route. Matches on whole segments: `/a` matches `/a` and `/a/b`, never `/ab`.
package struct PathPrefix: Hashable, Sendable, CustomStringConvertible {
    /// Starts with `/` and, unless it is `/` itself, does not end with one.
    package let text: String

    package static let root = PathPrefix(unchecked: "/")

    private init(unchecked text: String) { self.text = text }

    /// - Throws: ``InvalidValue`` for text that does not start with `/`, or that a request could never match because
    ///   such a path is refused as ambiguous: dot segments, empty segments, `%`, `?`, `#`, `\`, spaces, control bytes.
    package init(parsing raw: String) throws(InvalidValue) {
        guard raw.utf8.first == UInt8(ascii: "/") else {
            throw InvalidValue("a path starts with '/'", suggestion: "/" + raw)
        }
        let trimmed = raw.utf8.count > 1 && raw.utf8.last == UInt8(ascii: "/") ? String(raw.dropLast()) : raw
        for byte in trimmed.utf8
        where byte <= 0x20 || byte >= 0x7F || byte == 0x25 || byte == 0x3F || byte == 0x23 || byte == 0x5C {
            throw InvalidValue("a path prefix holds only plain path characters, not '\(Unicode.Scalar(byte))'")
        }
        if raw != "/" {
            for segment in trimmed.utf8.dropFirst().split(separator: 0x2F, omittingEmptySubsequences: false) {
                if segment.isEmpty { throw InvalidValue("a path prefix has no empty segment ('//')") }
                if segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
                    throw InvalidValue("a path prefix has no dot segment")
                }
            }
        }
        text = trimmed
    }

    /// With `/` at its end, for the names below it.
    package var folder: String { self == .root ? text : text + "/" }

    /// The number of bytes of `path` that the prefix covers, nil when it does not match. `/` covers none, so that what
    /// remains always is empty or starts with `/`.
    package func match(_ path: UnsafeRawBufferPointer) -> Int? {
        var text = text
        if text.utf8.count == 1 { return path.first == 0x2F ? 0 : nil }
        return text.withUTF8 { prefix in
            guard path.count >= prefix.count, path[..<prefix.count].elementsEqual(prefix) else { return nil }
            return path.count == prefix.count || path[prefix.count] == 0x2F ? prefix.count : nil
        }
    }

    package var description: String { text }
}
