/// The one form of a URI that every reader takes as it stands.
///
/// The meaning of a resource URI is up to the upstream's parser, and parsers differ: WHATWG's `URL` (Node; Python's pydantic through
/// Rust), Go's `net/url` and RFC 3986 section 5.2.4 take out dot segments, plain or encoded, turn `\` into `/`, lower the scheme
/// and the host, drop tabs, default ports and empty parts, encode what they do not allow. A text in this form is one that none of them changes, nor a
/// reader that decodes it once: so what the grants are asked of is what is read. Nothing is normalised here, which would be one more reader.
///
///     scheme ":" [ "//" [ host [ ":" port ] ] ] path [ "?" query ] [ "#" fragment ]
package enum PlainURI {
    package static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let colon = text.firstIndex(of: 0x3A), isScheme(text[..<colon]) else { return false }
        let scheme = Scheme(text[..<colon])
        var rest = text[(colon + 1)...]
        guard scheme.isOfTheWeb || !hasDots(rest.drop { $0 != 0x3F && $0 != 0x23 }) else { return false }
        if let hash = rest.firstIndex(of: 0x23) {
            // Go drops an empty fragment, Python an empty query.
            guard hash + 1 < rest.endIndex, isPlainQuery(rest[(hash + 1)...], takesQuotes: true) else { return false }
            rest = rest[..<hash]
        }
        if let mark = rest.firstIndex(of: 0x3F) {
            // WHATWG encodes `'` in the query of a special scheme.
            guard mark + 1 < rest.endIndex, isPlainQuery(rest[(mark + 1)...], takesQuotes: scheme == .other) else {
                return false
            }
            rest = rest[..<mark]
        }
        guard rest.starts(with: [0x2F, 0x2F]) else {
            // WHATWG reads `https:x` and `file:/x` as if the slashes were there, Go writes `docs:/x` with them when it resolves it.
            return scheme == .other && !rest.isEmpty && rest.first != 0x2F && isPlainPath(rest)
        }
        let authority = rest.dropFirst(2).prefix { $0 != 0x2F }
        let path = rest[authority.endIndex...]
        // WHATWG gives a special scheme's URL the path `/`; Go drops slashes that nothing stands behind.
        guard !path.isEmpty || scheme == .other && !authority.isEmpty else { return false }
        // A drive at the beginning of the path makes Rust, and so pydantic, forget the host.
        guard scheme != .file || authority.isEmpty || !(path.count > 2 && path.dropFirst(2).first == 0x3A) else {
            return false
        }
        return isPlainAuthority(authority, scheme) && isPlainPath(path)
    }

    // MARK: - Scheme

    /// The schemes that WHATWG calls special, whose URLs it reads by rules of their own.
    private enum Scheme: Equatable {
        case web(defaultPort: Int)
        case file
        case other

        var isOfTheWeb: Bool { if case .web = self { true } else { false } }

        init(_ text: Slice<UnsafeRawBufferPointer>) {
            self =
                if text.elementsEqual("https".utf8) || text.elementsEqual("wss".utf8) {
                    .web(defaultPort: 443)
                } else if text.elementsEqual("http".utf8) || text.elementsEqual("ws".utf8) {
                    .web(defaultPort: 80)
                } else if text.elementsEqual("ftp".utf8) {
                    .web(defaultPort: 21)
                } else {
                    text.elementsEqual("file".utf8) ? .file : .other
                }
        }
    }

    /// Lower case: every reader lowers a scheme.
    private static func isScheme(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard let first = text.first, (0x61...0x7A).contains(first) else { return false }
        return text.allSatisfy {
            (0x61...0x7A).contains($0) || $0.isASCIIDigit || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
        }
    }

    // MARK: - Authority

    /// A host and a port. User information is refused: readers differ about the text before an `@`, which looks like a host and is none.
    private static func isPlainAuthority(_ text: Slice<UnsafeRawBufferPointer>, _ scheme: Scheme) -> Bool {
        let host = text.prefix { $0 != 0x3A }
        if host.endIndex < text.endIndex {
            guard !host.isEmpty, scheme != .file, isPlainPort(text[(host.endIndex + 1)...], scheme) else {
                return false
            }
        }
        switch scheme {
        // Names that come from templates, `notes://{name}`, stand here as often as hosts: case and encodings are kept.
        case .other: return host.allSatisfy { isUnreserved($0) || $0 == 0x25 } && isPlainlyEncoded(host)
        case .file: return host.isEmpty || isPlainDomain(host) && !host.elementsEqual("localhost".utf8)
        case .web: return isPlainDomain(host)
        }
    }

    private static func isPlainPort(_ text: Slice<UnsafeRawBufferPointer>, _ scheme: Scheme) -> Bool {
        guard (1...5).contains(text.count), text.allSatisfy(\.isASCIIDigit), text.first != 0x30 else { return false }
        let port = text.reduce(0) { $0 * 10 + Int($1 & 0x0F) }
        return port <= 65_535 && scheme != .web(defaultPort: port)
    }

    private static func isPlainDomain(_ host: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard !host.isEmpty, host.allSatisfy({ isUnreserved($0) && !(0x41...0x5A).contains($0) }) else { return false }
        let labels = host.split(separator: 0x2E, omittingEmptySubsequences: false)
        // Older readers write `xn--a-` as the `a` that it encodes.
        guard !labels.contains(where: { $0.starts(with: "xn--".utf8) && $0.last == 0x2D }) else { return false }
        // A host whose last label is a number is an IPv4 address in one of many forms, `127.1`, `0x7f000001`; only four decimal parts are read by all
        // alike.
        guard let last = labels.last(where: { !$0.isEmpty }),
            last.allSatisfy(\.isASCIIDigit) || last.starts(with: "0x".utf8)
        else { return true }
        return labels.count == 4
            && labels.allSatisfy { label in
                (1...3).contains(label.count) && label.allSatisfy(\.isASCIIDigit)
                    && (label.count == 1 || label.first != 0x30) && label.reduce(0) { $0 * 10 + Int($1 & 0x0F) } < 256
            }
    }

    // MARK: - Path, query, fragment

    /// Segments that are neither dots, with or without `;parameters`, nor, between two slashes, empty.
    private static func isPlainPath(_ path: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard path.allSatisfy({ isUnreserved($0) || isPunctuation($0) || $0 == 0x2F || $0 == 0x25 || $0 == 0x27 }),
            isPlainlyEncoded(path)
        else { return false }
        var segment = path.first == 0x2F ? path.dropFirst() : path
        while true {
            let end = segment.firstIndex(of: 0x2F) ?? segment.endIndex
            if isDots(segment[..<end]) || end == segment.startIndex && end < segment.endIndex { return false }
            guard end < segment.endIndex else { return true }
            segment = segment[(end + 1)...]
        }
    }

    /// Whether a segment is one dot or two to some reader: one that takes off parameters, or white space at the ends, which stands encoded here.
    private static func isDots(_ segment: Slice<UnsafeRawBufferPointer>) -> Bool {
        var segment = segment
        while segment.first == 0x25 { segment = segment.dropFirst(3) }
        let dots = segment.prefix { $0 == 0x2E }
        guard (1...2).contains(dots.count) else { return false }
        return dots.endIndex == segment.endIndex || segment[dots.endIndex] == 0x3B || segment[dots.endIndex] == 0x25
    }

    /// A query or fragment is data: no parser looks for segments in it. But a server that takes off the scheme and opens what is left as a file
    /// does: `file:///public/a?/../../private`. So no dot segments are there either, but in URLs of the web, which nobody opens so.
    private static func isPlainQuery(_ text: Slice<UnsafeRawBufferPointer>, takesQuotes: Bool) -> Bool {
        for (index, byte) in zip(text.indices, text) {
            if byte == 0x25 {
                guard index + 2 < text.endIndex, text[index + 1].hexValue != nil, text[index + 2].hexValue != nil else {
                    return false
                }
            } else {
                guard
                    isUnreserved(byte) || isPunctuation(byte) || byte == 0x2F || byte == 0x3F
                        || byte == 0x27 && takesQuotes
                else { return false }
            }
        }
        return true
    }

    /// Whether what is no path has dot segments, encoded or not.
    private static func hasDots(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard text.contains(0x2F) || text.contains(0x25) else { return false }
        var decoded: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == 0x25, index + 2 < text.endIndex, let high = text[index + 1].hexValue,
                let low = text[index + 2].hexValue
            {
                decoded.append(high << 4 | low)
                index += 2
            } else {
                decoded.append(text[index])
            }
            index += 1
        }
        // The first part is the end of the segment before the `?` or `#`.
        return decoded.split(omittingEmptySubsequences: false) { $0 == 0x2F || $0 == 0x5C }.dropFirst()
            .contains { $0 == [0x2E] || $0 == [0x2E, 0x2E] }
    }

    // MARK: - Characters

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: true
        case _: false
        }
    }

    /// The sub-delimiters but `'`, and what else a path segment may hold (section 3.3).
    private static func isPunctuation(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21, 0x24, 0x26, 0x28...0x2C, 0x3A, 0x3B, 0x3D, 0x40: true
        case _: false
        }
    }

    /// Whether each `%` encodes, in the one form that there is for it, what changes nothing when it is decoded: no unreserved character, which
    /// normalisers decode (section 6.2.2.2) and a dot is one; neither slash; no control character; whole characters of UTF-8.
    private static func isPlainlyEncoded(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard text.contains(0x25) else { return true }
        var decoded: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            defer { index += 1 }
            guard text[index] == 0x25 else {
                decoded.append(text[index])
                continue
            }
            guard index + 2 < text.endIndex, let high = hexDigit(text[index + 1]), let low = hexDigit(text[index + 2])
            else { return false }
            let byte = high << 4 | low
            guard byte > 0x1F, byte != 0x7F, byte != 0x2F, byte != 0x5C, !isUnreserved(byte) else { return false }
            decoded.append(byte)
            index += 2
        }
        return String(validating: decoded, as: UTF8.self) != nil
    }

    /// Upper case: Go writes encodings of a host anew, and normalisers all of them (section 6.2.2.1).
    private static func hexDigit(_ byte: UInt8) -> UInt8? { (0x61...0x66).contains(byte) ? nil : byte.hexValue }
}

extension PlainURI {
    /// Whether a URI template (RFC 6570) is plain wherever its expressions lead, judged with a letter in the place of each.
    package static func isPlain(template: UnsafeRawBufferPointer) -> Bool {
        guard template.contains(0x7B) else { return isPlain(template) }
        var filled: [UInt8] = []
        var first: Int?
        var rest = template[...]
        while let opening = rest.firstIndex(of: 0x7B) {
            filled += rest[..<opening]
            guard let closing = rest[opening...].firstIndex(of: 0x7D), opening + 1 < closing else { return false }
            // These operators put their own character before the expansion.
            switch rest[opening + 1] {
            case 0x2F, 0x3F, 0x23, 0x26, 0x3B, 0x2E: filled.append(rest[opening + 1])
            case _: break
            }
            filled.append(0x78)
            first = first ?? filled.count
            rest = rest[(closing + 1)...]
        }
        filled += rest
        // Without a literal scheme, the first expression supplies it.
        if let first, !filled.contains(0x3A) { filled.insert(contentsOf: [0x3A, 0x78], at: first) }
        return filled.withUnsafeBytes { isPlain($0) }
    }
}
