internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The plan for an upstream's answer, made from its head: passed on, read on the way, edited, or not let through.
struct AnswerPlan {
    /// Why the client gets another answer.
    private(set) var refusal: Reason?
    private(set) var reader: AnswerReader?
    /// The tag that is put behind the id of the session.
    private(set) var sessionTag: ArraySlice<UInt8> = []
    /// Whether the client gets the head alone.
    private(set) var withholdsBody = false

    var isEdited: Bool { reader.map { !$0.edits.isEmpty } ?? false }

    init(
        _ head: ResponseHead,
        _ received: ByteBuffer,
        _ exchange: Exchange,
        _ route: PreparedRoute,
        _ tags: SessionTags
    ) {
        if head.status == 401, route.token != nil || exchange.personal != nil {
            refusal =
                Self.isOfSession(head.status, exchange)
                ? .sessionUnknown : exchange.personal?.rejection ?? .upstreamCredentialRejected
            return
        }
        guard route.isGated else { return }
        let bytes = received.readableBytesUInt8Span
        if head.status >= 500, !exchange.call.waiting.isEmpty, route.route.answersErrorsAs200 || !head.isAnswer(bytes) {
            refusal = .upstreamError
            return
        }
        guard bindSession(head, bytes, exchange, route, tags) else {
            refusal = .upstreamMalformed
            return
        }
        if exchange.isLimited {
            let answered = RequestAdmission.answer(
                toLimited: exchange.method,
                AnsweredHead(head, bytes),
                isAwaited: !exchange.call.waiting.isEmpty && !exchange.isLegacyPost
            )
            switch answered {
            case .passes: break
            case .passesWithoutBody:
                withholdsBody = head.framing != .none
                return
            case .refused:
                refusal = .upstreamNotMCP
                return
            }
        }
        guard head.framing != .none, !head.isUpgrade else { return }
        let isPlain = !head.isEncoded(bytes)
        // A stream that a client opens may carry the answers to calls that it made elsewhere.
        let isStream = exchange.method != .post && head.isEventStream
        var edits: AnswerReader.Edits = []
        if exchange.call.mayGetLists || exchange.call.owned.isPrivate { edits.insert(.privateScope) }
        if exchange.call.mayGetLists || isStream && exchange.permits?.restrictsAny ?? true {
            edits.insert(.lists)
        }
        guard isPlain else {
            // An answer that cannot be read cannot be filtered, and must not pass unfiltered. A value that is handed out without a tag does no harm:
            // it cannot be presented again.
            if !edits.isEmpty { refusal = .upstreamMalformed }
            return
        }
        if isStream { edits.insert(.endpoint) }
        if head.isEventStream {
            edits.formUnion([.values, .events])
        } else if exchange.call.owned.isHandedOut, !Self.isWholeWithoutValues(head, received) {
            edits.insert(.values)
        }
        if !edits.isEmpty || !exchange.call.waiting.isEmpty {
            reader = AnswerReader(isEventStream: head.isEventStream, edits: edits)
        }
    }

    /// Whether an upstream's 401 speaks of the session that a request names, and not of the injected token: several servers answer so to one
    /// that they do not know any more. A client makes a new one after a 404, and the request that asks for it names none, so that a token
    /// that is really rejected shows there.
    static func isOfSession(_ status: Int, _ exchange: Exchange) -> Bool {
        status == 401 && exchange.session.bound != nil
    }

    /// Whether the body has come with its head and nothing in it is handed out to a caller, so that it passes as it is. A name
    /// that is written with escapes is not seen here; what it names gets no tag and cannot come back.
    private static func isWholeWithoutValues(_ head: ResponseHead, _ received: ByteBuffer) -> Bool {
        guard case .length(let length) = head.framing, received.readableBytes - head.length >= length else {
            return false
        }
        return received.withUnsafeReadableBytes { bytes in
            !AnswerReader.mayHandOut(UnsafeRawBufferPointer(rebasing: bytes[head.length..<head.length + length]))
        }
    }

    /// - Returns: false when the upstream names its session in a form that its caller could not present.
    private mutating func bindSession(
        _ head: ResponseHead,
        _ bytes: Span<UInt8>,
        _ exchange: Exchange,
        _ route: PreparedRoute,
        _ tags: SessionTags
    ) -> Bool {
        guard let caller = exchange.caller else { return true }
        guard head.has(.mcpSessionID) else { return true }
        var found: ByteRange?
        for field in head.fields where field.known == .mcpSessionID && !field.isNominated {
            // With two session ids it is ambiguous which one is meant.
            guard found == nil else { return false }
            found = field.value
        }
        // An id may hold a comma, as any visible ASCII. An empty one is none: every client reads it so.
        guard let found, found.count > 0 else { return true }
        return bytes.withBytes(found) { id in
            if let known = exchange.session.bound?.tag(of: id) {
                sessionTag = known
                return true
            }
            let tag = tags.tag(
                for: id,
                route: route.route.name,
                principal: caller.principal,
                opensAddresses: exchange.call.opensAddresses
            )
            guard let tag else { return false }
            sessionTag = tag[...]
            return true
        }
    }
}

extension ResponseHead {
    /// Whether the body is in a content coding that hides its text.
    func isEncoded(_ bytes: Span<UInt8>) -> Bool {
        guard has(.contentEncoding) else { return false }
        for field in fields where field.known == .contentEncoding && !field.isNominated {
            if !field.value.isEmpty, !bytes.equalsIgnoringCase(field.value, "identity") { return true }
        }
        return false
    }

    /// Whether the body may be an answer in the words of JSON-RPC.
    func isAnswer(_ bytes: Span<UInt8>) -> Bool { isEventStream || isJSON(bytes) }

    /// Whether the media type is JSON's, with whatever parameters.
    func isJSON(_ bytes: Span<UInt8>) -> Bool {
        let json: StaticString = "application/json"
        guard let contentType, contentType.count >= json.utf8CodeUnitCount else { return false }
        let end = contentType.lower + json.utf8CodeUnitCount
        guard bytes.equalsIgnoringCase(ByteRange(contentType.lower, end), json) else { return false }
        return end == contentType.upper || bytes[end] == 0x3B || bytes[end] == 0x20 || bytes[end] == 0x09
    }
}
