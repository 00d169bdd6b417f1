internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The payload of one part of a response: what follows it and what is made of it.
struct PassingPayload: ~Copyable {
    private(set) var events: EventBoundary?
    private(set) var mark: LeadingMark?
    /// Whether the first byte of all, in this part, begins no mark.
    private(set) var beginsWithoutMark = false
    /// Whether some payload was in this part.
    private(set) var isBegun = false
    private let reader: AnswerReader?
    private let delivery: ResponseRelay.Delivery
    private let exchange: Exchange?
    /// The bytes for the client, where they are not those that came. In chunks of Gatehouse's own, with room before it for the size.
    private(set) var payload = ByteBuffer()
    /// A large part behind the payload that passes unchanged, so that it need not be copied.
    private(set) var whole: ByteBuffer?
    /// Whether everything is put into ``payload``.
    var copiesAll = false

    /// Bytes from which on a part is not copied behind its size, but sent beside it.
    private static let largePart = 4 << 10

    /// Eight digits, as many as a buffer's length has at most, and a line end.
    private static let sizeRoom = 10

    init(
        _ events: EventBoundary?,
        _ mark: LeadingMark?,
        _ reader: AnswerReader?,
        _ delivery: ResponseRelay.Delivery,
        _ exchange: Exchange?
    ) {
        self.events = events
        self.mark = mark
        self.reader = reader
        self.delivery = delivery
        self.exchange = exchange
    }

    mutating func take(_ received: ByteBuffer) {
        if !isBegun {
            isBegun = true
            if mark != nil { beginsWithoutMark = !LeadingMark.mayBegin(received) }
        }
        let slice = mark?.strip(received) ?? received
        events?.advance(over: slice.readableBytesUInt8Span)
        guard let reader else {
            if delivery != .asItComes { append(slice) }
            return
        }
        if delivery != .asItComes { makeRoom(slice.readableBytes) }
        slice.withUnsafeReadableBytes { bytes in
            if reader.edits.isEmpty {
                reader.observe(bytes)
                if delivery != .asItComes { payload.writeBytes(bytes) }
            } else if let exchange, let permits = exchange.permits {
                reader.edit(
                    bytes,
                    permits: permits,
                    pins: exchange.pins,
                    tag: { tag(for: $0, $1, exchange) },
                    address: { address(of: $0, exchange) },
                    { payload.writeBytes($0) }
                )
            }
        }
    }

    private mutating func append(_ slice: ByteBuffer) {
        if whole == nil, !copiesAll, slice.readableBytes >= Self.largePart {
            whole = slice
            return
        }
        if let former = whole {
            whole = nil
            makeRoom(former.readableBytes + slice.readableBytes)
            payload.writeImmutableBuffer(former)
        } else {
            makeRoom(slice.readableBytes)
        }
        payload.writeImmutableBuffer(slice)
    }

    private mutating func makeRoom(_ count: Int) {
        guard delivery == .rechunked, payload.readerIndex == 0 else { return }
        // A tag or two, and the line end behind the chunk.
        payload.reserveCapacity(Self.sizeRoom + count + 64)
        payload.moveWriterIndex(to: Self.sizeRoom)
        payload.moveReaderIndex(to: Self.sizeRoom)
    }

    /// The payload as a chunk; nothing when there is none.
    consuming func chunk() -> ByteBuffer {
        var rest = payload.readableBytes
        guard rest > 0 else { return ByteBuffer() }
        var chunk = payload
        payload = ByteBuffer()
        var start = chunk.readerIndex - 2
        chunk.setInteger(UInt16(0x0D0A), at: start)
        while rest > 0 {
            start -= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            chunk.setInteger(digit < 10 ? 0x30 + digit : 0x57 + digit, at: start)
            rest >>= 4
        }
        chunk.moveReaderIndex(to: start)
        chunk.writeStaticString("\r\n")
        return chunk
    }

    /// Binds what the upstream hands out to the caller.
    private func tag(for what: HandedOut, _ value: UnsafeRawBufferPointer, _ exchange: Exchange) -> [UInt8]? {
        guard let route = exchange.route?.route, let principal = exchange.caller?.principal else { return nil }
        let tags = exchange.tags.owned
        switch what {
        case .task: return tags.tag(.task, value, route: route.name, principal: principal)
        case .event: return tags.tag(.event, value, route: route.name, principal: principal)
        case .requestState:
            guard let (method, target) = exchange.call.owned.call else { return nil }
            return target.withBytes {
                tags.tag(.requestState(method, target: $0), value, route: route.name, principal: principal)
            }
        }
    }

    /// The address to which the legacy transport's client posts: under the public name, with the session bound to the caller.
    private func address(of told: UnsafeRawBufferPointer, _ exchange: Exchange) -> [UInt8] {
        guard let route = exchange.route, let caller = exchange.caller else { return Array(told) }
        let address = exchange.authority.withUnsafeBytes { route.responseRewrite.publicAddress(of: told, $0) }
        let endpoint = EndpointAddress(address) { id in
            exchange.tags.tag(for: id, route: route.route.name, principal: caller.principal)
        }
        if endpoint.session != nil { exchange.answer.stream.endpoint = endpoint }
        return endpoint.text
    }
}
