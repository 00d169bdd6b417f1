internal import GatehouseCore

/// The session of the legacy HTTP+SSE transport where a server puts it into the path: `/messages/ID`.
///
/// Nothing in a path says that its end is a session, so the `endpoint` event has to: its address has no session in the query, and its
/// last segment looks like an id that was drawn at random.
package enum PathSession {
    /// Bytes of a segment that is taken for an id: a shorter one is a word, and could be guessed. UUIDs have 36, nanoids 21.
    package static let minimumID = 16

    /// The position of the last segment; empty when the path ends with a slash.
    package static func lastSegment(of path: UnsafeRawBufferPointer) -> Range<Int> {
        (path.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0)..<path.count
    }

    /// Whether a segment looks like an id: long enough, of letters, digits, `-` and `_`, with a digit.
    package static func isID(_ segment: UnsafeRawBufferPointer) -> Bool {
        segment.allSatisfy(isIDByte) && beginsWithID(segment)
    }

    /// Whether a segment ends with what may be a tag.
    package static func isTagged(_ segment: UnsafeRawBufferPointer) -> Bool {
        let dot = segment.count - SessionTags.length
        return dot > 0 && segment[dot] == 0x2E && segment[(dot + 1)...].allSatisfy(isIDByte)
    }

    /// The paths before each segment that begins like an id, folded. A server may leave out what follows the id there (`;parameters`, a
    /// slash, an extension), so it need not be the whole segment nor the last.
    package static func directories(of path: UnsafeRawBufferPointer) -> [[UInt8]] {
        path.indices.filter { index in
            guard path[index] == 0x2F else { return false }
            let rest = path[(index + 1)...]
            return beginsWithID(UnsafeRawBufferPointer(rebasing: rest[..<(rest.firstIndex(of: 0x2F) ?? rest.endIndex)]))
        }.map { folded(path[...$0]) }
    }

    /// A path as the most lenient router compares it: without case and without the parameters of its segments.
    package static func folded(_ path: some Collection<UInt8>) -> [UInt8] {
        var folded: [UInt8] = []
        var isParameter = false
        for byte in path {
            if byte == 0x2F { isParameter = false }
            if byte == 0x3B { isParameter = true }
            if !isParameter { folded.append(byte.lowercasedASCII) }
        }
        return folded
    }

    /// The folded form of a path that an `endpoint` event named for posts, without a slash at its end. Never equal to a path that has sessions below
    /// it.
    package static func told(_ path: some BidirectionalCollection<UInt8>) -> [UInt8] {
        [0] + folded(path.last == 0x2F ? path.dropLast() : path[...])
    }

    private static func beginsWithID(_ segment: UnsafeRawBufferPointer) -> Bool {
        let run = segment.prefix(while: isIDByte)
        return run.count >= minimumID && run.count <= SessionTags.maximumID && run.contains(where: \.isASCIIDigit)
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x5F
    }
}
