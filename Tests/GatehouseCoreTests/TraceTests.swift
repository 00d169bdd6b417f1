import GatehouseCore
import Testing

@Suite struct TraceTests {
    private static let id = RequestID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    private static func parent(_ text: String) -> TraceParent? {
        Array(text.utf8).withUnsafeBytes { TraceParent(parsing: $0) }
    }

    @Test func `a sender's span is read, and this request's stands under it`() throws {
        let parent = try #require(Self.parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
        let trace = RequestTrace(of: Self.id, under: parent)
        #expect("\(trace.trace)" == "4bf92f3577b34da6a3ce929d0e0e4736" && trace.flags == 1)
        #expect(trace.parent.map { "\($0)" } == "00f067aa0ba902b7" && trace.span != parent.span)
    }

    @Test func `without one a trace begins that is named like the request`() {
        let trace = RequestTrace(of: Self.id)
        #expect("\(trace.trace)" == Self.id.description && trace.parent == nil && trace.flags == 1)
        // No id is all zero.
        #expect(RequestTrace(of: RequestID(high: 0, low: 0)).span.number == 1)
        #expect("\(SpanID(0xA))" == "000000000000000a")
    }

    @Test(
        arguments: [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 0),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", 3),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", 1),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", nil),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.", nil),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", nil),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", nil),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", nil),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", nil),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", nil),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", nil),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", nil), ("", nil), ("00-1-2-00", nil),
        ] as [(String, UInt8?)]
    )
    func `what W3C Trace Context does not write is none`(text: String, flags: UInt8?) {
        #expect(Self.parent(text)?.flags == flags)
    }
}
