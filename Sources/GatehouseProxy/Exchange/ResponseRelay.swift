internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// The response under way: its head, then its body part by part as the client gets it.
struct ResponseRelay: ~Copyable {
    private enum Phase {
        case head
        case body
    }

    /// How the body goes to the client.
    enum Delivery {
        case asItComes
        /// Chunk framing is taken off, for a client of HTTP/1.0.
        case bare
        /// In chunks of Gatehouse's own: an edited body has another length, and a body that ends with its connection states none.
        case rechunked
        /// No body: the client has got the head, which says that there is none.
        case withheld
    }

    private var phase = Phase.head
    private var parser = ResponseHeadParser()
    private var body = BodyRelay.none
    /// Received and not yet usable: a head or a trailer line that is not whole.
    private var pending = ByteBuffer()
    private(set) var delivery = Delivery.asItComes
    /// Reads the answers to calls as they pass.
    private(set) var reader: AnswerReader?
    /// Nil for any other response.
    var stream: EventStream?

    /// Makes ready for another response; the parser keeps its storage.
    mutating func reset() {
        parser.reset()
        phase = .head
        body = .none
        if pending.readableBytes > 0 { pending = ByteBuffer() }
        delivery = .asItComes
        reader = nil
        stream = nil
    }

    // MARK: - Receiving

    /// Puts kept bytes before the received ones.
    mutating func join(_ received: inout ByteBuffer) {
        guard pending.readableBytes > 0 else { return }
        pending.writeBuffer(&received)
        swap(&pending, &received)
        pending = ByteBuffer()
    }

    /// Keeps what cannot be used before more comes, in memory of its own.
    mutating func keep(_ received: ByteBuffer) {
        guard received.readableBytes > 0 else { return }
        pending = ByteBuffer(bytes: received.readableBytesView)
    }

    // MARK: - Head

    var hasHead: Bool { phase == .body }

    mutating func parseHead(_ received: ByteBuffer, answersHEAD: Bool) -> HeadProgress {
        parser.parse(received.readableBytesUInt8Span, answersHEAD: answersHEAD)
    }

    /// The head that was parsed last.
    var head: ResponseHead { parser.head }

    /// The head is the final one: its body follows.
    ///
    /// - Parameter hasBody: whether something of the body has come with it.
    mutating func begin(
        _ head: ResponseHead,
        _ plan: AnswerPlan,
        hasBody: Bool,
        to version: HTTPVersion,
        at now: MonotonicTime
    ) {
        phase = .body
        body = BodyRelay(head.framing, trailers: .response, malformed: .upstreamMalformed)
        reader = plan.reader
        let isReadable = !head.has(.contentEncoding)
        let isSilent = head.isEventStream && isReadable && !hasBody
        delivery = Self.delivery(of: head, plan, isSilent: isSilent, to: version)
        stream =
            head.isEventStream && !plan.withholdsBody ? EventStream(isReadable: isReadable, at: now) : nil
    }

    /// A body that ends with its connection goes on in chunks: one that is cut, which the upstream's connection shows, would otherwise end at
    /// the client as a whole one does (RFC 9112 section 8).
    private static func delivery(
        of head: ResponseHead,
        _ plan: AnswerPlan,
        isSilent: Bool,
        to version: HTTPVersion
    ) -> Delivery {
        guard !plan.withholdsBody else { return .withheld }
        return switch version {
        // A stream that begins in silence gets a comment first, behind which its byte order mark is taken off.
        case .http10:
            head.framing == .chunked || plan.isEdited || isSilent && head.framing == .untilClose ? .bare : .asItComes
        case .http11: head.framing == .untilClose || plan.isEdited ? .rechunked : .asItComes
        }
    }

    /// Frees the head's storage: a stream may be idle for hours, and needs it no more.
    mutating func releaseHead() { parser.releaseFields() }

    // MARK: - Framing

    var isComplete: Bool { body.isComplete }

    /// Whether the upstream marks the end of the response by closing, and may do so now.
    var endsWithConnection: Bool { hasHead && body.framing == .untilClose }

    /// Whether the client learns the end of this response only from the end of its connection.
    var mustClose: Bool {
        switch delivery {
        case .asItComes: body.framing == .untilClose
        case .bare: true
        case .rechunked, .withheld: false
        }
    }

    /// Whether the client takes the end of its connection for the end of the body.
    var endsWithClient: Bool { hasHead && mustClose && !sendsChunks }

    /// How the client finds the end of the body.
    var clientFraming: BodyFraming {
        switch delivery {
        case .asItComes: body.framing
        case .bare: .untilClose
        case .rechunked: .chunked
        case .withheld: .length(0)
        }
    }

    /// Whether the client gets chunks.
    var sendsChunks: Bool {
        switch delivery {
        case .asItComes: body.framing == .chunked
        case .bare, .withheld: false
        case .rechunked: true
        }
    }

    /// Bytes of Gatehouse's own, framed as the body is.
    func framed(_ bytes: ByteBuffer) -> ByteBuffer { sendsChunks ? Chunk.of(bytes) : bytes }

    /// The client's end of a body that has another framing than the upstream's; empty for any other.
    var end: ByteBuffer { delivery == .rechunked ? Chunk.last : ByteBuffer() }

    // MARK: - Body

    /// The next part as the client gets it; follows events and answers on the way.
    mutating func takePart(of received: inout ByteBuffer, _ exchange: Exchange?) -> BodyRelay.Step {
        guard received.readableBytes > 0, !body.isComplete else { return .more }
        guard stream?.boundary != nil || delivery != .asItComes || reader != nil else {
            return body.take(from: &received)
        }
        if stream?.mark?.isFramed == true { return takeFramedPart(of: &received) }
        let before = received
        // Until the first byte shows whether a mark is taken off, which needs chunks of another size.
        let isOpening = stream?.mark != nil && delivery == .asItComes
        let passed = isOpening ? Delivery.rechunked : delivery
        var passing = PassingPayload(stream?.boundary, stream?.mark, reader, passed, exchange)
        let step = body.take(from: &received) { range in
            guard let slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            passing.take(slice)
        }
        stream?.boundary = passing.events
        stream?.mark = passing.mark
        guard case .part = step else { return step }
        if isOpening {
            if !passing.isBegun {
                // Only a chunk's size, or a part of it, has come: no payload is held here.
                stream?.mark?.noteFraming()
                return step
            }
            if passing.beginsWithoutMark {
                stream?.mark = nil
            } else {
                delivery = .rechunked
            }
        }
        switch delivery {
        case .asItComes: return step
        case .bare: return .part(passing.payload)
        case .rechunked: return .part(passing.chunk())
        case .withheld: return .part(ByteBuffer())
        }
    }

    /// The next part of a stream that passes as it comes, and whose first chunk's size has been passed on before its first byte.
    private mutating func takeFramedPart(of received: inout ByteBuffer) -> BodyRelay.Step {
        let before = received
        var boundary = stream?.boundary
        var mark = stream?.mark
        var blanks: [Int] = []
        let step = body.take(from: &received) { range in
            guard var slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            let count = mark?.blank(&slice) ?? 0
            blanks += range.lowerBound..<range.lowerBound + count
            boundary?.advance(over: slice.readableBytesUInt8Span)
        }
        stream?.boundary = boundary
        stream?.mark = mark?.isOver == true ? nil : mark
        guard case .part(var part) = step, !blanks.isEmpty else { return step }
        for offset in blanks { part.setInteger(UInt8(0x0A), at: part.readerIndex + offset) }
        return .part(part)
    }

    // MARK: - Event streams

    var isEventStream: Bool { stream != nil }

    /// Whether Gatehouse may put bytes of its own here: between events and, in a chunked body, between chunks.
    var isAtBoundary: Bool {
        guard let boundary = stream?.boundary, boundary.isAtBoundary, !body.isComplete else { return false }
        return delivery == .rechunked || body.isAtChunkBoundary
    }

    var comment: ByteBuffer { framed(ByteBuffer(staticString: EventStream.comment)) }

    /// A comment that goes before the first byte of a stream, whose byte order mark is then taken off.
    mutating func openingComment() -> ByteBuffer {
        stream?.mark = LeadingMark()
        return comment
    }
}
