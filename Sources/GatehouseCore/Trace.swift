/// The id of a trace: 128 bits, never all zero.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package var description: String { SpanID.digits(high) + SpanID.digits(low) }
}

/// The id of one span of a trace, never zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
    package let number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package var description: String { Self.digits(number) }

    fileprivate static func digits(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

/// The span under which a sender has sent a request, by the value of `traceparent` (W3C Trace Context, section 3.2).
package struct TraceParent: Hashable, Sendable {
    package let trace: TraceID
    package let span: SpanID
    /// The flags that have a meaning: sampled, and of level 2 that the trace's id is random.
    package let flags: UInt8

    private static let knownFlags: UInt8 = 0b11
    private static let length = 55

    /// Reads the value; nil for one that is malformed, which counts for nothing then.
    package init?(parsing text: UnsafeRawBufferPointer) {
        guard text.count >= Self.length, text[2] == 0x2D, text[35] == 0x2D, text[52] == 0x2D,
            let version = Self.number(text[0..<2]), version != 0xFF,
            // A later version may have more behind a dash; this one has no more (section 3.2.4).
            text.count == Self.length || version > 0 && text[Self.length] == 0x2D,
            let high = Self.number(text[3..<19]), let low = Self.number(text[19..<35]), high | low != 0,
            let span = Self.number(text[36..<52]), span != 0, let flags = Self.number(text[53..<55])
        else { return nil }
        trace = TraceID(high: high, low: low)
        self.span = SpanID(span)
        self.flags = UInt8(truncatingIfNeeded: flags) & Self.knownFlags
    }

    /// Sixteen digits at most, of which each is in lower case.
    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            guard let value = Hex.value(digit) else { return nil }
            number = number << 4 | UInt64(value)
        }
        return number
    }
}

/// The span of one request: under its sender's, or the first of a trace that is named like the request.
package struct RequestTrace: Hashable, Sendable {
    package let trace: TraceID
    package let span: SpanID
    package let parent: SpanID?
    package let flags: UInt8

    package init(of request: RequestID, under parent: TraceParent? = nil) {
        trace = parent?.trace ?? TraceID(high: request.high, low: request.low)
        span = SpanID(max(1, request.high &* 31 ^ request.low))
        self.parent = parent?.span
        // Sampled: whoever begins a trace says whether it is recorded.
        flags = parent?.flags ?? 1
    }
}
