internal import GatehouseCore
internal import NIOCore

/// A chunked body that is being held for the gate: its bytes stay where they are, to be forwarded as they came, and its payload
/// is put together beside them.
struct GatheredBody {
    private var relay: BodyRelay
    /// Bytes behind the head that were looked at.
    private(set) var scanned = 0
    private(set) var payload = ByteBuffer()

    /// Framing may take as many bytes as the payload, and this many more; beyond it the body is refused as too large.
    static let framingAllowance = 64 << 10

    init(_ relay: BodyRelay) { self.relay = relay }

    var isComplete: Bool { relay.isComplete }

    /// Looks at what has come.
    ///
    /// - Parameter received: the head and all behind it.
    /// - Returns: why the body is refused, nil while it is well.
    mutating func advance(over received: ByteBuffer, headLength: Int, limit: Int) -> Reason? {
        var rest = received
        rest.moveReaderIndex(forwardBy: headLength + scanned)
        while !relay.isComplete {
            let before = rest
            var payload = payload
            self.payload = ByteBuffer()
            let step = relay.take(from: &rest) { range in
                guard let slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                    return
                }
                payload.writeImmutableBuffer(slice)
            }
            self.payload = payload
            scanned += before.readableBytes - rest.readableBytes
            if relay.payloadBytes > limit || scanned > 2 * limit + Self.framingAllowance { return .bodyTooLarge }
            switch step {
            case .part, .trailers: continue
            case .more: return nil
            case .refused(let reason): return reason
            }
        }
        return nil
    }
}
