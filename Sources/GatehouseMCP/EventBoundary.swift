/// Follows an event stream and knows whether it stands between two events, where a comment may be put or the stream
/// ended without cutting an event (WHATWG HTML section 9.2.5: an event ends with a blank line; a line ends with CR LF, LF or
/// CR).
///
/// Only the last bytes decide, so following a stream costs the same however much of it passes.
package struct EventBoundary: Sendable {
    /// The last four bytes. A stream begins as if after a blank line.
    private var last: UInt32 = 0x0A0A_0A0A

    package init() {}

    package mutating func advance(over bytes: Span<UInt8>) {
        for index in max(0, bytes.count - 4)..<bytes.count { last = last << 8 | UInt32(bytes[index]) }
    }

    package var isAtBoundary: Bool {
        switch last & 0xFFFF {
        case 0x0A0A, 0x0D0D, 0x0A0D: true
        case 0x0D0A: last >> 16 & 0xFF == 0x0A || last >> 16 & 0xFF == 0x0D
        case _: false
        }
    }
}
