internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The place of a request in a trace: under the span that its sender names in `traceparent`, or else in the `_meta` of its one message.
enum TracePhase {
    static func trace(_ inbound: borrowing InboundBytes, _ exchange: Exchange) -> TraceFields {
        if let parent = header(inbound) {
            return TraceFields(own: RequestTrace(of: exchange.id, under: parent), keepsState: true)
        }
        let parent = message(inbound, exchange.call.received)
        return TraceFields(own: RequestTrace(of: exchange.id, under: parent), keepsState: false)
    }

    /// Nil for none, for several, and for one that is malformed (W3C Trace Context, section 4.2).
    private static func header(_ inbound: borrowing InboundBytes) -> TraceParent? {
        guard inbound.hasHead else { return nil }
        let received = inbound.bytes
        guard case .one(let place) = inbound.head.occurrence(of: .traceparent, in: received.readableBytesUInt8Span)
        else { return nil }
        return inbound.withBytes(place) { TraceParent(parsing: $0) }
    }

    private static func message(_ inbound: borrowing InboundBytes, _ call: ReceivedCall?) -> TraceParent? {
        guard let call, case .single = call.body else { return nil }
        if let payload = call.payload { return payload.withUnsafeReadableBytes { TraceMember.parent(in: $0) } }
        guard inbound.hasHead else { return nil }
        return inbound.bytes.withUnsafeReadableBytes {
            TraceMember.parent(in: UnsafeRawBufferPointer(rebasing: $0[call.place]))
        }
    }
}
