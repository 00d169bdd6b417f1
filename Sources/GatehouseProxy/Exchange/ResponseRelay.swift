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
        /// In the length that was stated: the text in place of a secret is as long, and what may not pass cuts it.
        case counted
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
    /// Nil where no secret is looked for, or the whole body has been looked at.
    private var guarding: ReflectionGuard?
    /// Parts that follow the one that was taken last, the next one at the end.
    private var ready: [ByteBuffer] = []
    /// Lines of a guarded body that goes on in chunks of Gatehouse's own, with the empty line behind them.
    private var trailers = ByteBuffer()

    /// Makes ready for another response; the parser keeps its storage.
    mutating func reset() {
        parser.reset()
        phase = .head
        body = .none
        if pending.readableBytes > 0 { pending = ByteBuffer() }
        delivery = .asItComes
        reader = nil
        stream = nil
        guarding = nil
        if !ready.isEmpty { ready.removeAll(keepingCapacity: true) }
        if trailers.readableBytes > 0 { trailers = ByteBuffer() }
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
    /// - Parameters:
    ///   - guarded: the secrets that the body is searched for; nil where there is nothing to look for.
    ///   - hasBody: whether something of the body has come with it.
    mutating func begin(
        _ head: ResponseHead,
        _ plan: AnswerPlan,
        guarded: (secrets: SecretPatterns, mode: Reflection)? = nil,
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
        if let guarded {
            if delivery == .asItComes { delivery = Self.guardedDelivery(of: head.framing, to: version) }
            guarding = ReflectionGuard(guarded.secrets, guarded.mode)
        }
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

    /// The extensions of chunks could hold a secret, and are left out.
    private static func guardedDelivery(of framing: BodyFraming, to version: HTTPVersion) -> Delivery {
        if case .length = framing { return .counted }
        return version == .http10 ? .bare : .rechunked
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
        case .rechunked, .counted, .withheld: false
        }
    }

    /// Whether the client takes the end of its connection for the end of the body.
    var endsWithClient: Bool { hasHead && mustClose && !sendsChunks }

    /// How the client finds the end of the body.
    var clientFraming: BodyFraming {
        switch delivery {
        case .asItComes, .counted: body.framing
        case .bare: .untilClose
        case .rechunked: .chunked
        case .withheld: .length(0)
        }
    }

    /// Whether the client gets chunks.
    var sendsChunks: Bool {
        switch delivery {
        case .asItComes: body.framing == .chunked
        case .bare, .counted, .withheld: false
        case .rechunked: true
        }
    }

    /// Bytes of Gatehouse's own, framed as the body is.
    func framed(_ bytes: ByteBuffer) -> ByteBuffer { sendsChunks ? Chunk.of(bytes) : bytes }

    /// The client's end of the body: what was held of it, and the end of a framing that is not the upstream's.
    mutating func takeEnd(_ exchange: Exchange?) -> BodyRelay.Step {
        guard var scan = guarding.take() else { return .part(delivery == .rechunked ? Chunk.last : ByteBuffer()) }
        var passing = PassingPayload(stream?.boundary, stream?.mark, reader, delivery, exchange)
        passing.copiesAll = true
        scan.finish(into: &passing)
        exchange?.sent(passing.payload.readableBytes)
        let lines = scan.cleaned(trailers)
        if scan.isReflecting { exchange?.answer.isReflecting = true }
        if scan.isCut { return .refused(.secretReflected) }
        guard delivery == .rechunked else { return .part(passing.payload) }
        var end = passing.chunk()
        if lines.readableBytes > 0 {
            end.writeStaticString("0\r\n")
            end.writeImmutableBuffer(lines)
        } else {
            end.writeImmutableBuffer(Chunk.last)
        }
        return .part(end)
    }

    // MARK: - Body

    /// The next part as the client gets it; follows events and answers on the way.
    mutating func takePart(of received: inout ByteBuffer, _ exchange: Exchange?) -> BodyRelay.Step {
        if let next = ready.popLast() { return .part(next) }
        guard received.readableBytes > 0, !body.isComplete else { return .more }
        if guarding != nil { return takeGuardedPart(of: &received, exchange) }
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
        switch step {
        case .part: break
        case .trailers where delivery == .asItComes && !isOpening: return step
        // Chunks of Gatehouse's own end without them (RFC 9110 section 6.5.1).
        case .trailers: return .part(ByteBuffer())
        case .more, .refused: return step
        }
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
        case .bare, .counted, .rechunked: return .part(delivered(passing))
        case .withheld: return .part(ByteBuffer())
        }
    }

    /// A part as the client gets it. A large one follows its size, and is not copied.
    private mutating func delivered(_ passing: consuming PassingPayload) -> ByteBuffer {
        guard let whole = passing.whole else { return delivery == .rechunked ? passing.chunk() : passing.payload }
        let leading = passing.payload
        guard delivery == .rechunked else {
            guard leading.readableBytes > 0 else { return whole }
            ready.append(whole)
            return leading
        }
        ready.append(Chunk.lineEnd)
        ready.append(whole)
        var first = Chunk.size(leading.readableBytes + whole.readableBytes)
        first.writeImmutableBuffer(leading)
        return first
    }

    /// The next part of a body in which secrets are looked for, which never passes as it comes.
    private mutating func takeGuardedPart(of received: inout ByteBuffer, _ exchange: Exchange?) -> BodyRelay.Step {
        guard var scan = guarding.take() else { return .more }
        let before = received
        var passing = PassingPayload(stream?.boundary, stream?.mark, reader, delivery, exchange)
        let step = body.take(from: &received) { range in
            guard let slice = before.getSlice(at: before.readerIndex + range.lowerBound, length: range.count) else {
                return
            }
            scan.pass(slice, into: &passing)
        }
        stream?.boundary = passing.events
        stream?.mark = passing.mark
        let isCut = scan.isCut
        if scan.isReflecting { exchange?.answer.isReflecting = true }
        guarding = consume scan
        if isCut { return .refused(.secretReflected) }
        switch step {
        case .part: return .part(delivered(passing))
        case .trailers(var lines):
            if delivery == .rechunked { trailers.writeBuffer(&lines) }
            return .part(ByteBuffer())
        case .more, .refused: return step
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
