internal import GatehouseCore

/// Reads an upstream's response heads (RFC 9112 section 4). Whatever is not well-formed is `upstream_malformed`: passed on, it would
/// be the client that reads it in two ways.
///
/// Fed like ``RequestHeadParser``; after an interim response the next call starts the next head.
package struct ResponseHeadParser: ~Copyable {
    package var limits: HeadLimits
    /// The present head, filled anew by each.
    package let head = ResponseHead()

    private var lines = HeadLines()
    private var message = MessageFields()
    private var phase = Phase.ready
    private var fieldsStart = 0

    private enum Phase {
        case ready
        case startLine
        case fields
    }

    package init(limits: HeadLimits = .response) { self.limits = limits }

    /// Frees the memory of the fields while no head is needed, as during a long stream; the next head allocates it again. Everything else in the
    /// present head stays.
    package mutating func releaseFields() { head.fields = [] }

    /// Forgets a head that was begun.
    package mutating func reset() { phase = .ready }

    /// - Parameter answersHEAD: whether the request's method was HEAD, so that no body follows.
    package mutating func parse(_ bytes: Span<UInt8>, answersHEAD: Bool = false) -> HeadProgress {
        let progress = advance(bytes, answersHEAD)
        if progress != .incomplete { phase = .ready }
        return progress
    }

    private mutating func advance(_ bytes: Span<UInt8>, _ answersHEAD: Bool) -> HeadProgress {
        if phase == .ready {
            lines = HeadLines()
            message.reset()
            head.reset()
            phase = .startLine
        }
        if phase == .startLine {
            switch lines.next(bytes, limit: limits.maximumTarget + HeadLimits.startLineRest) {
            case .incomplete: return .incomplete
            case .malformed, .tooLong: return .refused(.upstreamMalformed)
            case .line(let start, let end):
                guard startLine(bytes, start, end) else { return .refused(.upstreamMalformed) }
            }
            fieldsStart = lines.start
            phase = .fields
        }
        let limit = fieldsStart + limits.maximumHeadBytes
        while true {
            switch lines.next(bytes, limit: limit) {
            case .incomplete: return .incomplete
            case .malformed, .tooLong: return .refused(.upstreamMalformed)
            case .line(let start, let end):
                if start == end { return finish(bytes, answersHEAD) }
                guard head.fields.count < limits.maximumFields, let field = Field(bytes, start: start, end: end)
                else { return .refused(.upstreamMalformed) }
                let bit = field.known.bit
                head.append(field)
                if bit & Self.interpreted != 0, !interpret(field.known, field.value, bytes) {
                    return .refused(.upstreamMalformed)
                }
            }
        }
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ]`; the second space is left out by some servers.
    private mutating func startLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard end &- start >= 12, ByteScan.word(bytes, start) & 0x00FF_FFFF_FFFF_FFFF == 0x2E_312F_5054_5448,
            bytes[start &+ 8] == 0x20, let status = bytes.decimal(ByteRange(start &+ 9, start &+ 12)), status >= 100
        else { return false }
        switch bytes[start &+ 7] {
        case 0x31: head.version = .http11
        case 0x30: head.version = .http10
        case _: return false
        }
        guard end == start &+ 12 || bytes[start &+ 12] == 0x20 else { return false }
        head.status = status
        head.reasonPhrase = ByteRange(min(start &+ 13, end), end)
        return true
    }

    /// The fields that say something about the response itself, a bit each.
    private static var interpreted: UInt64 {
        typealias Known = KnownField
        return Known.contentLength.bit | Known.transferEncoding.bit | Known.connection.bit | Known.contentType.bit
            | Known.location.bit
    }

    private mutating func interpret(_ known: KnownField, _ value: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        switch known {
        case .contentLength: return message.addContentLength(value, in: bytes)
        case .transferEncoding: return message.addTransferEncoding(value, in: bytes)
        case .connection: return message.addConnection(value, in: bytes)
        case .contentType:
            head.contentType = value
            head.isEventStream = isEventStream(value, bytes)
        case .location: head.location = value
        case _: preconditionFailure("only interpreted fields come here")
        }
        return true
    }

    private func isEventStream(_ value: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        let length = 17
        guard value.count >= length else { return false }
        guard bytes.equalsIgnoringCase(ByteRange(value.lower, value.lower + length), "text/event-stream") else {
            return false
        }
        guard value.count > length else { return true }
        let next = bytes[value.lower + length]
        return next == 0x3B || next == 0x20 || next == 0x09
    }

    /// RFC 9112 section 6.3.
    private mutating func finish(_ bytes: Span<UInt8>, _ answersHEAD: Bool) -> HeadProgress {
        if message.isChunked, message.contentLength != nil || head.version == .http10 {
            return .refused(.upstreamMalformed)
        }
        if answersHEAD || head.status < 200 || head.status == 204 || head.status == 304 {
            head.framing = .none
        } else if message.isChunked {
            head.framing = .chunked
        } else if let length = message.contentLength {
            head.framing = .length(length)
        } else {
            head.framing = .untilClose
        }
        head.mark(message, in: bytes)
        head.isKeepAlive = message.isKeepAlive(head.version) && head.framing != .untilClose && head.status != 101
        head.length = lines.start
        return .complete
    }
}
