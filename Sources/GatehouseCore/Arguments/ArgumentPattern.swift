/// A pattern of the text that an argument may be.
///
/// A pattern with a `*` and a slash says where something lies: `/data/public/*`. A text that leaves that place again by a dot segment matches it as
/// text, and the server would follow it. So such a pattern matches only a text in which no reader finds a dot segment, and one with `://` only a URI
/// that every reader takes as it stands.
package struct ArgumentPattern: Hashable, Sendable {
    private enum Kind: Hashable { case exact, open, path, uri }

    package let glob: Glob
    private let kind: Kind

    package init(_ glob: Glob) {
        self.glob = glob
        let pattern = glob.pattern
        if !pattern.utf8.contains(0x2A) {
            kind = .exact
        } else if pattern.contains("://") {
            kind = .uri
        } else {
            kind = pattern.utf8.contains { $0 == 0x2F || $0 == 0x5C } ? .path : .open
        }
    }

    /// - Parameter text: UTF-8, escapes resolved.
    func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        // A reader of C's texts takes a NUL for the end.
        guard glob.matches(text), !text.contains(0) else { return false }
        switch kind {
        case .exact, .open: return true
        case .path: return Self.isPlainPath(text)
        case .uri: return PlainURI.isPlain(text)
        }
    }

    /// Whether no reader finds a dot segment between slashes of either kind: plain or percent-encoded, with white space or parameters beside it, or
    /// made of characters that are folded into dots and slashes.
    private static func isPlainPath(_ path: UnsafeRawBufferPointer) -> Bool {
        var isDots = true
        var dots = 0
        var isParameter = false
        var at = 0
        while at < path.count {
            var byte = path[at]
            at += 1
            if byte == 0x25, at + 1 < path.count, let high = path[at].hexValue, let low = path[at + 1].hexValue {
                byte = high << 4 | low
                at += 2
            }
            switch byte {
            case 0x2F, 0x5C:
                if isDots, dots > 0 { return false }
                (isDots, dots, isParameter) = (true, 0, false)
            case 0x00...0x1F, 0x7F: return false
            case 0x2E where !isParameter: dots += 1
            case 0x3B: isParameter = true
            case 0x20: break
            case _: if !isParameter { isDots = false }
            }
        }
        guard !isDots || dots == 0 else { return false }
        return path.allSatisfy { $0 < 0x80 }
            || String(decoding: path, as: UTF8.self).unicodeScalars
                .allSatisfy { $0.isASCII || !$0.isInvisible && PlainName.lowered($0) != nil }
    }
}
