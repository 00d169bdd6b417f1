/// One request head. Ranges are offsets into the bytes that were parsed, which start with the head.
///
/// A class, because each step of a request would otherwise copy it. Its parser reuses it: a value that is needed after the next head is parsed has to
/// be stored elsewhere.
package final class RequestHead {
    /// Bytes of the head, the empty line at its end included.
    package internal(set) var length = 0
    package internal(set) var method = ByteRange.empty
    /// The request target as it came; in absolute-form with scheme and authority.
    package internal(set) var target = ByteRange.empty
    /// Starts with `/`. Unambiguous: the path that routes is the path that is forwarded.
    package internal(set) var path = ByteRange.empty
    /// The query without the `?`; nil when there is none.
    package internal(set) var query: ByteRange?
    /// Host and port, as `Host` says.
    package internal(set) var authority = ByteRange.empty
    /// The authority without its port, in the case that the client wrote.
    package internal(set) var host = ByteRange.empty
    package internal(set) var version = HTTPVersion.http11
    package internal(set) var framing = BodyFraming.none
    /// Whether the line that frames the body stands as a sender should write it: one space before the value and none behind, no zero before a number,
    /// no capital in the coding. What is not so is written anew: Node, for one, does not take `chunked` with a tab behind it for the coding.
    var isFramedPlainly = true
    package internal(set) var isKeepAlive = true
    /// The client waits for 100 (Continue) before it sends the body.
    package internal(set) var expectsContinue = false
    package internal(set) var isWebSocketUpgrade = false
    package internal(set) var assertion = FieldOccurrence.missing
    /// Two `Origin` fields are refused.
    package internal(set) var origin: ByteRange?
    package internal(set) var cfRay: ByteRange?
    package internal(set) var cfConnectingIP: ByteRange?
    package internal(set) var fields: [Field] = []
    /// The known fields that are present and not nominated away: a bit each, at ``KnownField``'s raw value.
    private(set) var present: UInt64 = 0

    /// Fields that there is room for from the start: as many as most heads have.
    private static let usualFields = 32

    package init() {}

    @inline(__always)
    package func has(_ known: KnownField) -> Bool { present & known.bit != 0 }

    /// How often a field was sent that may stand only once, not counting what `Connection` nominates away, as `Mcp-Session-Id` may.
    package func occurrence(of known: KnownField, in bytes: Span<UInt8>) -> FieldOccurrence {
        var found = FieldOccurrence.missing
        guard has(known) else { return found }
        for field in fields where field.known == known && !field.isNominated { found.add(field.value, in: bytes) }
        return found
    }

    package func isMethod(_ method: StaticString, in bytes: Span<UInt8>) -> Bool {
        guard self.method.count == method.utf8CodeUnitCount else { return false }
        for offset in 0..<self.method.count where bytes[self.method.lower + offset] != method.utf8Start[offset] {
            return false
        }
        return true
    }

    // Each change in place of a value of the head: through the parser, which cannot be copied, the compiler does not build one under
    // ThreadSanitizer.

    @inline(__always)
    func append(_ field: Field) {
        present |= field.known.bit
        fields.append(field)
    }

    func addAssertion(_ value: ByteRange, in bytes: Span<UInt8>) { assertion.add(value, in: bytes) }

    /// Marks the fields that `Connection` nominates away.
    @inline(__always)
    func mark(_ message: borrowing MessageFields, in bytes: Span<UInt8>) {
        present &= ~message.mark(&fields, in: bytes)
    }

    func reset() {
        if fields.capacity == 0 { fields.reserveCapacity(Self.usualFields) }
        fields.removeAll(keepingCapacity: true)
        present = 0
        method = .empty
        query = nil
        framing = .none
        isFramedPlainly = true
        expectsContinue = false
        isWebSocketUpgrade = false
        assertion = .missing
        origin = nil
        cfRay = nil
        cfConnectingIP = nil
    }
}
