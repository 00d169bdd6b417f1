/// Finds the lines of a head in bytes that arrive piece by piece. Each byte is looked at once, however the head is cut.
struct HeadLines {
    enum Next {
        /// A whole line, without its CRLF. No control byte but tab is in it.
        case line(start: Int, end: Int)
        case incomplete
        /// A bare CR or LF, or another control byte (RFC 9112 section 2.2 lets a recipient refuse these).
        case malformed
        /// No end of line before the limit.
        case tooLong
    }

    /// The start of the next line.
    private(set) var start = 0
    /// The offset up to which the end of that line was searched for.
    private var scanned = 0

    /// Skips one empty line before the start line (RFC 9112 section 2.2).
    mutating func skip(_ count: Int) {
        start += count
        scanned = start
    }

    /// Continues after the first `count` bytes, all of them in finished lines, were removed.
    mutating func rebase(_ count: Int) {
        start -= count
        scanned -= count
    }

    /// - Parameter limit: the offset before which the line's CR must be found.
    @inline(__always)
    mutating func next(_ bytes: Span<UInt8>, limit: Int) -> Next {
        let end = min(bytes.count, limit)
        let found = ByteScan.firstControl(bytes, from: scanned, to: end)
        guard found < end else {
            scanned = max(end, scanned)
            return end == limit ? .tooLong : .incomplete
        }
        guard bytes[found] == 0x0D else { return .malformed }
        guard found &+ 1 < bytes.count else {
            scanned = found
            return .incomplete
        }
        guard bytes[found &+ 1] == 0x0A else { return .malformed }
        let line = start
        start = found &+ 2
        scanned = start
        return .line(start: line, end: found)
    }
}
