internal import GatehouseCore
internal import NIOCore

/// The bytes of a client that are not used yet. The head of a request stays at their start until it is forwarded or refused, so that the
/// phases read its parts where they lie.
struct InboundBytes: ~Copyable {
    private enum Start {
        /// The next bytes belong to a head, or to a body whose head is gone.
        case unparsed
        /// A whole head stands there.
        case head
    }

    private var parser = RequestHeadParser()
    private var start = Start.unparsed
    private(set) var bytes = ByteBuffer()
    /// Whether the memory belongs to this connection, and not to the loop, whose sockets all receive into it.
    private var ownsMemory = false

    var count: Int { bytes.readableBytes }
    var isEmpty: Bool { bytes.readableBytes == 0 }

    // MARK: - Receiving

    mutating func receive(_ new: ByteBuffer) {
        if bytes.readableBytes == 0 {
            bytes = new
            ownsMemory = false
        } else {
            bytes.writeImmutableBuffer(new)
        }
    }

    /// Copies what stays into memory of its own: the loop's serves the next socket.
    mutating func settle() {
        if bytes.readableBytes == 0 {
            bytes = ByteBuffer()
        } else if !ownsMemory {
            bytes = ByteBuffer(bytes: bytes.readableBytesView)
            ownsMemory = true
        }
    }

    /// Makes room for a body whose length is known, behind its head.
    mutating func reserve(body length: Int) {
        bytes.reserveCapacity(minimumWritableBytes: parser.head.length + length - bytes.readableBytes)
        ownsMemory = true
    }

    // MARK: - Head

    /// Holds from a complete head on until the next is parsed.
    var head: RequestHead { parser.head }
    /// Whether the head is still there, with all that its ranges name.
    var hasHead: Bool { start == .head }

    mutating func parseHead() -> HeadProgress {
        let received = bytes
        let progress = parser.parse(received.readableBytesUInt8Span)
        if case .complete = progress { start = .head }
        return progress
    }

    /// Puts another head in the place of the one that stands there.
    mutating func replaceHead(by head: ByteBuffer) -> HeadProgress {
        bytes.moveReaderIndex(forwardBy: parser.head.length)
        let rest = bytes
        bytes = head
        bytes.writeImmutableBuffer(rest)
        ownsMemory = true
        start = .unparsed
        return parseHead()
    }

    /// The head was forwarded or refused: what follows belongs to its body.
    mutating func passHead() {
        bytes.moveReaderIndex(forwardBy: parser.head.length)
        start = .unparsed
    }

    /// The bytes of a part of the head, valid during the call; none for nil.
    borrowing func withBytes<Result>(_ range: ByteRange?, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeReadableBytes { bytes in
            guard let range else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
            return body(UnsafeRawBufferPointer(rebasing: bytes[range.lower..<range.upper]))
        }
    }

    /// Frees the head's storage: a stream may be idle for hours, and needs it no more.
    mutating func releaseHead() { parser.releaseFields() }

    // MARK: - Body

    mutating func take(_ body: inout RequestBody) -> BodyRelay.Step { body.relay.take(from: &bytes) }

    /// Takes all that there is.
    mutating func takeAll() -> ByteBuffer {
        let all = bytes
        bytes = ByteBuffer()
        return all
    }

    mutating func clear() { bytes = ByteBuffer() }
}
