internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The payload of one part of a response: what follows it and what is made of it.
struct PassingPayload: ~Copyable {
    private(set) var events: EventBoundary?
    private let reader: AnswerReader?
    private let delivery: ResponseRelay.Delivery
    private let exchange: Exchange?
    /// What the client gets, where that is not what came.
    private(set) var payload = ByteBuffer()

    init(
        _ events: EventBoundary?,
        _ reader: AnswerReader?,
        _ delivery: ResponseRelay.Delivery,
        _ exchange: Exchange?
    ) {
        self.events = events
        self.reader = reader
        self.delivery = delivery
        self.exchange = exchange
    }

    mutating func take(_ slice: ByteBuffer) {
        events?.advance(over: slice.readableBytesUInt8Span)
        guard let reader else {
            if delivery != .asItComes { payload.writeImmutableBuffer(slice) }
            return
        }
        slice.withUnsafeReadableBytes { bytes in
            if reader.edits.isEmpty {
                reader.observe(bytes)
                if delivery != .asItComes { payload.writeBytes(bytes) }
            } else if let exchange, let permits = exchange.permits {
                reader.edit(bytes, permits: permits, address: { address(of: $0, exchange) }) { payload.writeBytes($0) }
            }
        }
    }

    /// Where the legacy transport's client posts: under the public name, with the session bound to the caller.
    private func address(of told: UnsafeRawBufferPointer, _ exchange: Exchange) -> [UInt8] {
        guard let route = exchange.route, let caller = exchange.caller else { return Array(told) }
        let address = exchange.authority.withUnsafeBytes { route.responseRewrite.publicAddress(of: told, $0) }
        let endpoint = EndpointAddress(address) { id in
            exchange.tags.tag(for: id, route: route.route.name, principal: caller.principal)
        }
        if endpoint.session != nil { exchange.endpoint = endpoint }
        return endpoint.text
    }
}
