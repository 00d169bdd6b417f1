internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// What is known of the response under way.
struct ResponseRelay {
    var parser = ResponseHeadParser()
    var body = BodyRelay.none
    /// Received and not yet usable: a head or a trailer line that is not whole.
    var pending = ByteBuffer()
    /// Whether not one byte has come.
    var isUntouched = true
    /// Writing the request failed outright: the upstream has seen nothing of it.
    var isUndelivered = false
    var hasHead = false
    /// The client learns the end of this response only from the end of its connection.
    var mustClose = false
    /// Chunk framing is taken off, for a client of HTTP/1.0.
    var unchunks = false
    var isEventStream = false
    /// Follows the event stream, so that nothing is ever put inside an event; nil for any other response.
    var events: EventBoundary?
    var lastByte = NIODeadline.now()

    /// Makes ready for another response; the parser keeps its storage.
    mutating func reset() {
        parser.reset()
        body = .none
        if pending.readableBytes > 0 { pending = ByteBuffer() }
        isUntouched = true
        isUndelivered = false
        hasHead = false
        mustClose = false
        unchunks = false
        isEventStream = false
        events = nil
    }

    /// Whether the upstream tells the end of the response by closing, and may do so now.
    var endsWithConnection: Bool { hasHead && body.framing == .untilClose }

    /// Whether Gatehouse may put bytes of its own here: between events and, in a chunked body, between chunks.
    var isAtBoundary: Bool {
        guard let events, events.isAtBoundary, !body.isComplete else { return false }
        return body.isAtChunkBoundary
    }

    /// Bytes of Gatehouse's own, framed as the body is.
    func framed(_ text: StaticString) -> ByteBuffer {
        var bytes = ByteBuffer()
        if body.framing == .chunked, !unchunks {
            bytes.writeString(String(text.utf8CodeUnitCount, radix: 16))
            bytes.writeStaticString("\r\n")
            bytes.writeStaticString(text)
            bytes.writeStaticString("\r\n")
        } else {
            bytes.writeStaticString(text)
        }
        return bytes
    }
}
