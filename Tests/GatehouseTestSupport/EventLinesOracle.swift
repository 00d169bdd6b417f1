/// A reader of event streams that keeps all bytes, as an oracle for those that do not.
package enum EventLinesOracle {
    /// Whether a stream stands behind an empty line, or has not begun. Lines end as WHATWG HTML section 9.2.6 says: with CR LF, LF or CR.
    package static func isAtBoundary(_ stream: [UInt8]) -> Bool {
        var isEmpty = true
        var current = 0
        var index = 0
        while index < stream.count {
            if stream[index] == 0x0D || stream[index] == 0x0A {
                isEmpty = current == 0
                current = 0
                if stream[index] == 0x0D, index + 1 < stream.count, stream[index + 1] == 0x0A { index += 1 }
            } else {
                current += 1
            }
            index += 1
        }
        return current == 0 && isEmpty
    }
}
