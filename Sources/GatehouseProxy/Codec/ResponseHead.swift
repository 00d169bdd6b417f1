/// One response head. Ranges are offsets into the bytes that were parsed, which start with the head.
///
/// A class that its parser reuses, as ``RequestHead`` is.
package final class ResponseHead {
    /// Bytes of the head, the empty line at its end included.
    package internal(set) var length = 0
    package internal(set) var version = HTTPVersion.http11
    /// 100 to 999.
    package internal(set) var status = 0
    /// The phrase after the status; may be empty.
    package internal(set) var reasonPhrase = ByteRange.empty
    package internal(set) var framing = BodyFraming.none
    /// Whether the connection may serve another request once the body has ended.
    package internal(set) var isKeepAlive = true
    package internal(set) var isEventStream = false
    package internal(set) var contentType: ByteRange?
    package internal(set) var location: ByteRange?
    package internal(set) var fields: [Field] = []
    /// The known fields that are present and not nominated away: a bit each, at ``KnownField``'s raw value.
    private(set) var present: UInt64 = 0

    /// Fields that there is room for from the start: as many as most heads have.
    private static let usualFields = 16

    package init() {}

    /// A 1xx that another response follows. 101 is final.
    package var isInterim: Bool { status < 200 && status != 101 }
    /// The connection speaks another protocol from here on (101).
    package var isUpgrade: Bool { status == 101 }

    @inline(__always)
    package func has(_ known: KnownField) -> Bool { present & known.bit != 0 }

    /// How often a field was sent that may stand only once, not counting what `Connection` nominates away.
    package func occurrence(of known: KnownField, in bytes: Span<UInt8>) -> FieldOccurrence {
        var found = FieldOccurrence.missing
        guard has(known) else { return found }
        for field in fields where field.known == known && !field.isNominated { found.add(field.value, in: bytes) }
        return found
    }

    // Each change in place of a value of the head: through the parser, which cannot be copied, the compiler does not build one under
    // ThreadSanitizer.

    @inline(__always)
    func append(_ field: Field) {
        present |= field.known.bit
        fields.append(field)
    }

    /// Marks the fields that `Connection` nominates away.
    @inline(__always)
    func mark(_ message: borrowing MessageFields, in bytes: Span<UInt8>) {
        present &= ~message.mark(&fields, in: bytes)
    }

    func reset() {
        if fields.capacity == 0 { fields.reserveCapacity(Self.usualFields) }
        fields.removeAll(keepingCapacity: true)
        present = 0
        framing = .none
        isEventStream = false
        contentType = nil
        location = nil
    }
}
