internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// What is known of the response under way.
struct ResponseRelay: ~Copyable {
    var parser = ResponseHeadParser()
    var body = BodyRelay.none
    /// Received and not yet usable: a head or a trailer line that is not whole.
    var pending = ByteBuffer()
    var hasHead = false
    /// The client learns the end of this response only from the end of its connection.
    var mustClose = false
    /// How the body goes to the client.
    enum Delivery {
        case asItComes
        /// Chunk framing is taken off, for a client of HTTP/1.0.
        case bare
        /// In chunks of Gatehouse's own: what is edited has another length, and what ends with its connection none.
        case rechunked
        /// Not at all: the client has got the head, which says that there is none.
        case withheld
    }

    var delivery = Delivery.asItComes
    /// Reads the answers to calls as they pass.
    var reader: AnswerReader?
    var isEventStream = false
    /// Follows the event stream, so that nothing is ever put inside an event; nil for any other response.
    var events: EventBoundary?
    /// Set where bytes of Gatehouse's own went before the stream's first.
    var mark: LeadingMark?
    var lastByte = MonotonicTime.now()
    /// Messages of Gatehouse's own that wait for the end of an event.
    var ownMessages: [[UInt8]] = []
    /// How many may wait; one more and the stream is ended, whose client takes nothing.
    static let maximumOwnMessages = 256
    /// Set once the stream must end: where its event ends, or at this time.
    var endsBy: MonotonicTime?

    /// Makes ready for another response; the parser keeps its storage.
    mutating func reset() {
        parser.reset()
        body = .none
        if pending.readableBytes > 0 { pending = ByteBuffer() }
        hasHead = false
        mustClose = false
        delivery = .asItComes
        reader = nil
        isEventStream = false
        events = nil
        mark = nil
        endsBy = nil
        if !ownMessages.isEmpty { ownMessages = [] }
    }

    /// Whether the upstream tells the end of the response by closing, and may do so now.
    var endsWithConnection: Bool { hasHead && body.framing == .untilClose }

    /// Whether Gatehouse may put bytes of its own here: between events and, in a chunked body, between chunks.
    var isAtBoundary: Bool {
        guard let events, events.isAtBoundary, !body.isComplete else { return false }
        return delivery == .rechunked || body.isAtChunkBoundary
    }

    /// Whether the client gets chunks.
    var sendsChunks: Bool {
        switch delivery {
        case .asItComes: body.framing == .chunked
        case .bare, .withheld: false
        case .rechunked: true
        }
    }

    /// How the client finds the end of the body.
    var clientFraming: BodyFraming {
        switch delivery {
        case .asItComes: body.framing
        case .bare: .untilClose
        case .rechunked: .chunked
        case .withheld: .length(0)
        }
    }

    /// Whether the client takes the end of its connection for the end of the body.
    var endsWithClient: Bool { hasHead && mustClose && !sendsChunks }

    static var lastChunk: ByteBuffer { ByteBuffer(staticString: "0\r\n\r\n") }

    /// Bytes of Gatehouse's own, framed as the body is.
    func framed(_ text: StaticString) -> ByteBuffer { framed(ByteBuffer(staticString: text)) }

    func framed(_ bytes: ByteBuffer) -> ByteBuffer { sendsChunks ? Self.chunk(bytes) : bytes }

    static func chunk(_ payload: ByteBuffer) -> ByteBuffer {
        guard payload.readableBytes > 0 else { return payload }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(payload.readableBytes + 20)
        bytes.writeString(String(payload.readableBytes, radix: 16))
        bytes.writeStaticString("\r\n")
        bytes.writeImmutableBuffer(payload)
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
