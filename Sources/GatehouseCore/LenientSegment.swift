/// A segment of a path as the most lenient of readers has it: what any reader leaves out or folds is left out or folded here.
struct LenientSegment: Equatable, Sendable {
    /// The segment in lower case, without parameters, invisible characters, white space around it and dots behind it.
    private let text: String
    /// Whether characters were left out of the text that some reader takes for others: ligatures, letters in circles, the long s, bytes that are
    /// no UTF-8. What they become is not asked; a name that holds one may be any that has the rest of it.
    private let hasFolded: Bool

    private init(_ text: String, hasFolded: Bool = false) {
        self.text = text
        self.hasFolded = hasFolded
    }

    /// Whether some reader takes the segment for another.
    func mayBe(_ other: LenientSegment) -> Bool {
        if text == other.text { return true }
        // The suffix of a format, which frameworks of Ruby and Java leave out: `/mcp.json`.
        if text.unicodeScalars.starts(with: (other.text + ".").unicodeScalars) { return true }
        guard hasFolded else { return false }
        var rest = other.text.unicodeScalars[...]
        for scalar in text.unicodeScalars {
            // The text behind the name may be a format suffix.
            if scalar == "." || rest.isEmpty { return true }
            guard let place = rest.firstIndex(of: scalar) else { return false }
            rest = rest[rest.index(after: place)...]
        }
        return true
    }

    /// Whether no reader decodes, folds or leaves out anything in a path but the case of its letters and empty segments: most paths are so, and are
    /// compared as they lie.
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool {
        path.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2F || $0 == 0x2D || $0 == 0x5F }
    }

    /// Whether a segment of a plain path is this one.
    fileprivate func isPlainly(_ segment: Slice<UnsafeRawBufferPointer>) -> Bool {
        let text = text.utf8
        return text.count == segment.count
            && zip(text, segment).allSatisfy { $0 == ($1.isASCIILetter ? $1 | 0x20 : $1) }
    }

    /// The segments of a path: decoded as often as it is encoded, without empty and dot segments, and cut at an encoded `?` or `#`, which a reader
    /// that decodes first takes for the start of the query, and at a NUL, where C ends a text.
    static func segments(of path: some Collection<UInt8>) -> [LenientSegment] {
        var segments: [LenientSegment] = []
        let decoded = String(decoding: decoded(path), as: UTF8.self).unicodeScalars.map { narrow($0) }
        let read = decoded.prefix { $0 != "?" && $0 != "#" && $0 != "\0" }
        for scalars in read.split(whereSeparator: { $0 == "/" || $0 == "\\" }) {
            let segment = LenientSegment(reading: scalars.prefix { $0 != ";" })
            if segment.text == ".." {
                _ = segments.popLast()
                continue
            }
            var name = segment.text.unicodeScalars
            while let last = name.last, last == "." || isLeftOut(last) { name.removeLast() }
            if !name.isEmpty || segment.hasFolded {
                segments.append(LenientSegment(String(name), hasFolded: segment.hasFolded))
            }
        }
        return segments
    }

    private init(reading scalars: ArraySlice<Unicode.Scalar>) {
        var kept = String.UnicodeScalarView()
        var hasFolded = false
        for scalar in scalars {
            let properties = scalar.properties
            if scalar.isASCII {
                kept.append(contentsOf: properties.lowercaseMapping.unicodeScalars)
            } else if properties.isWhitespace || properties.generalCategory == .control {
                kept.append(" ")
            } else if scalar != "\u{FFFD}", let lower = PlainName.lowered(scalar) {
                kept.append(contentsOf: lower)
            } else if !properties.isDefaultIgnorableCodePoint {
                hasFolded = true
            }
        }
        let bare = kept.drop { Self.isLeftOut($0) }
        let end = bare.lastIndex { !Self.isLeftOut($0) }.map { bare.index(after: $0) } ?? bare.startIndex
        self.init(String(bare[..<end]), hasFolded: hasFolded)
    }

    /// The plain form of a full-width sign.
    private static func narrow(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard (0xFF01...0xFF5E).contains(scalar.value) else { return scalar }
        return Unicode.Scalar(scalar.value - 0xFEE0) ?? scalar
    }

    /// White space and control characters at the ends of a segment.
    private static func isLeftOut(_ scalar: Unicode.Scalar) -> Bool { scalar.value <= 0x20 || scalar.value == 0x7F }

    private static func decoded(_ path: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(path)
        var decoded: [UInt8] = []
        var at = 0
        while at < bytes.count {
            var byte = bytes[at]
            at += 1
            if byte == 0x25 {
                while bytes[at...].starts(with: [0x32, 0x35]) { at += 2 }
                if at + 1 < bytes.count, let high = bytes[at].hexValue, let low = bytes[at + 1].hexValue {
                    byte = high << 4 | low
                    at += 2
                }
            }
            decoded.append(byte)
        }
        return decoded
    }
}

extension [LenientSegment] {
    /// Whether a plain path begins with these segments.
    func begin(plain path: UnsafeRawBufferPointer) -> Bool {
        var rest = path[...]
        for segment in self {
            rest = rest.drop { $0 == 0x2F }
            let found = rest.prefix { $0 != 0x2F }
            guard segment.isPlainly(found) else { return false }
            rest = rest[found.endIndex...]
        }
        return true
    }
}
