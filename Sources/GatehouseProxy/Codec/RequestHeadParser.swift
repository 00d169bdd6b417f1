internal import GatehouseCore

/// Reads request heads (RFC 9112 sections 2 to 6), refusing what two parsers could read differently.
///
/// Give it the bytes from the first of the head on, the earlier ones again with each call: what was seen is not scanned again.
/// After `.complete` or `.refused` the next call starts a new head.
package struct RequestHeadParser: ~Copyable {
    package var limits: HeadLimits
    private let requiresHost: Bool
    /// The present head, filled anew by each.
    package let head = RequestHead()

    private var lines = HeadLines()
    private var message = MessageFields()
    private var phase = Phase.ready
    private var fieldsStart = 0
    private var absoluteAuthority: ByteRange?
    private var isUpgradeToWebSocket = false

    private enum Phase {
        case ready
        case startLine
        case fields
    }

    /// - Parameter requiresHost: whether a request of HTTP/1.0 needs `Host`, too, which it does where hosts are routed.
    package init(limits: HeadLimits = .request, requiresHost: Bool = true) {
        self.limits = limits
        self.requiresHost = requiresHost
    }

    /// Frees the memory of the fields while no head is needed, as during a long stream; the next head allocates it again. Everything else in the
    /// present head stays.
    package mutating func releaseFields() { head.fields = [] }

    /// Forgets a head that was begun.
    package mutating func reset() { phase = .ready }

    package mutating func parse(_ bytes: Span<UInt8>) -> HeadProgress {
        let progress = advance(bytes)
        if progress != .incomplete { phase = .ready }
        return progress
    }

    private mutating func advance(_ bytes: Span<UInt8>) -> HeadProgress {
        if phase == .ready {
            start()
            phase = .startLine
        }
        if phase == .startLine {
            if lines.start == 0 {
                guard let first = bytes.first else { return .incomplete }
                if first == 0x0D {
                    guard bytes.count > 1 else { return .incomplete }
                    guard bytes[1] == 0x0A else { return .refused(.requestMalformed) }
                    lines.skip(2)
                }
            }
            switch lines.next(bytes, limit: lines.start + limits.maximumTarget + HeadLimits.startLineRest) {
            case .incomplete: return .incomplete
            case .malformed: return .refused(.requestMalformed)
            case .tooLong: return .refused(.targetTooLong)
            case .line(let start, let end):
                if let reason = startLine(bytes, start, end) { return .refused(reason) }
            }
            fieldsStart = lines.start
            phase = .fields
        }
        let limit = fieldsStart + limits.maximumHeadBytes
        while true {
            switch lines.next(bytes, limit: limit) {
            case .incomplete: return .incomplete
            case .malformed: return .refused(.requestMalformed)
            case .tooLong: return .refused(.headersTooLarge)
            case .line(let start, let end):
                if start == end { return finish(bytes) }
                guard head.fields.count < limits.maximumFields else { return .refused(.headersTooLarge) }
                guard let field = Field(bytes, start: start, end: end) else { return .refused(.requestMalformed) }
                let bit = field.known.bit
                let isFirst = head.present & bit == 0
                head.append(field)
                if bit & Self.interpreted != 0, !interpret(field.known, field.value, isFirst: isFirst, bytes) {
                    return .refused(.requestMalformed)
                }
            }
        }
    }

    private mutating func start() {
        lines = HeadLines()
        message.reset()
        head.reset()
        absoluteAuthority = nil
        isUpgradeToWebSocket = false
    }

    /// `method SP request-target SP HTTP-version` with exactly one space between (RFC 9112 section 3).
    private mutating func startLine(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Reason? {
        let methodEnd = ByteScan.first(0x20, bytes, from: start, to: end)
        guard methodEnd > start, methodEnd &- start <= HeadLimits.method, end &- methodEnd > 10 else {
            return .requestMalformed
        }
        for index in start..<methodEnd where !TokenCharacters.contains(bytes[index]) { return .requestMalformed }
        // Also of a head that is refused for what follows: the answer to HEAD has no content.
        head.method = ByteRange(start, methodEnd)
        let target = ByteRange(methodEnd &+ 1, end &- 9)
        // "HTTP/1." and the space before it, as one word.
        guard bytes[target.upper] == 0x20, ByteScan.word(bytes, end &- 8) & 0x00FF_FFFF_FFFF_FFFF == 0x2E_312F_5054_5448
        else { return .requestMalformed }
        switch bytes[end &- 1] {
        case 0x31: head.version = .http11
        case 0x30: head.version = .http10
        case _: return .requestMalformed
        }
        guard target.count <= limits.maximumTarget else { return .targetTooLong }
        // A tab is the one control byte that the line may still hold.
        for index in target.lower..<target.upper where bytes[index] <= 0x20 { return .requestMalformed }
        head.target = target
        switch RequestTarget.parse(bytes, target) {
        case .failure(let refusal): return refusal.reason
        case .success(let parts):
            head.path = parts.path
            head.query = parts.query
            absoluteAuthority = parts.authority
        }
        return nil
    }

    /// The fields that say something about the request itself, a bit each.
    private static var interpreted: UInt64 {
        typealias Known = KnownField
        return Known.host.bit | Known.contentLength.bit | Known.transferEncoding.bit | Known.connection.bit
            | Known.upgrade.bit
            | Known.expect.bit | Known.assertion.bit | Known.origin.bit | Known.cfRay.bit | Known.cfConnectingIP.bit
    }

    private mutating func interpret(
        _ known: KnownField,
        _ value: ByteRange,
        isFirst: Bool,
        _ bytes: Span<UInt8>
    ) -> Bool {
        switch known {
        case .host:
            guard isFirst, let host = Authority.host(bytes, value) else { return false }
            head.authority = value
            head.host = host
        case .contentLength:
            if !isPlain(value, bytes) || value.count > 1 && bytes[value.lower] == 0x30 { head.isFramedPlainly = false }
            return message.addContentLength(value, in: bytes)
        case .transferEncoding:
            // 0x20 is what capitals lack.
            let isLower = (value.lower..<value.upper).allSatisfy { bytes[$0] & 0x20 != 0 }
            if !isPlain(value, bytes) || !isLower { head.isFramedPlainly = false }
            return message.addTransferEncoding(value, in: bytes)
        case .connection: return message.addConnection(value, in: bytes)
        case .upgrade: isUpgradeToWebSocket = isFirst && bytes.equalsIgnoringCase(value, "websocket")
        case .expect: head.expectsContinue = bytes.equalsIgnoringCase(value, "100-continue")
        case .assertion: head.addAssertion(value, in: bytes)
        case .origin:
            guard isFirst else { return false }
            head.origin = value
        case .cfRay: head.cfRay = value
        case .cfConnectingIP: head.cfConnectingIP = value
        case _: preconditionFailure("only interpreted fields come here")
        }
        return true
    }

    /// Whether there is one space between colon and value, and nothing between value and end. A value stands behind a name and a colon, and before
    /// the end of its line.
    private func isPlain(_ value: ByteRange, _ bytes: Span<UInt8>) -> Bool {
        bytes[value.lower &- 1] == 0x20 && bytes[value.lower &- 2] == 0x3A && bytes[value.upper] == 0x0D
    }

    private mutating func finish(_ bytes: Span<UInt8>) -> HeadProgress {
        guard head.has(.host) || !requiresHost && head.version == .http10 && absoluteAuthority == nil else {
            return .refused(.requestMalformed)
        }
        if let absoluteAuthority, !Authority.equal(bytes, absoluteAuthority, head.authority) {
            return .refused(.requestMalformed)
        }
        if message.isChunked {
            // RFC 9112 section 6.1: with a length beside it, or from HTTP/1.0, the framing is not to be trusted.
            guard message.contentLength == nil, head.version == .http11 else { return .refused(.requestMalformed) }
            head.framing = .chunked
        } else if let length = message.contentLength {
            head.framing = .length(length)
        }
        head.mark(message, in: bytes)
        head.isKeepAlive = message.isKeepAlive(head.version)
        if head.version == .http10 { head.expectsContinue = false }
        head.isWebSocketUpgrade =
            isUpgradeToWebSocket && message.saysUpgrade && head.version == .http11 && head.framing == .none
            && head.isMethod("GET", in: bytes)
        head.length = lines.start
        return .complete
    }
}

extension Span<UInt8> {
    @inline(__always) fileprivate var first: UInt8? { isEmpty ? nil : self[0] }
}
