internal import GatehouseMCP
internal import NIOCore

/// A whole body on its way up with the tags in it left out.
struct SplicedBody {
    private let cuts: TagCuts
    /// The payload of a chunked body, which is sent in a chunk of Gatehouse's own.
    private let payload: ByteBuffer?
    private var position = 0

    /// - Returns: nil when nothing is left out.
    init?(_ call: ReceivedCall?, _ cuts: TagCuts) {
        guard let call, !cuts.isEmpty else { return nil }
        self.cuts = cuts
        payload = call.payload
    }

    /// Passes on the rest of the next part, unchanged.
    mutating func pass(_ part: ByteBuffer, _ take: (ByteBuffer) -> Void) {
        guard payload == nil else { return }
        pieces(of: part, from: position, take)
        position += part.readableBytes
    }

    /// Passes on the bytes that follow when all parts have come.
    func finish(_ take: (ByteBuffer) -> Void) {
        guard let payload else { return }
        var rest = ByteBuffer()
        rest.reserveCapacity(payload.readableBytes)
        pieces(of: payload, from: 0) { rest.writeImmutableBuffer($0) }
        take(Chunk.of(rest))
        // Trailers of the client's are left out with its framing, as RFC 9110 section 6.5.1 lets anybody do.
        take(Chunk.last)
    }

    private func pieces(of part: ByteBuffer, from position: Int, _ take: (ByteBuffer) -> Void) {
        cuts.remaining(of: position..<position + part.readableBytes) { range in
            let start = part.readerIndex + range.lowerBound - position
            if let slice = part.getSlice(at: start, length: range.count) { take(slice) }
        }
    }
}
