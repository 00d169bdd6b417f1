internal import GatehouseCore
internal import GatehouseMCP
internal import Logging
internal import NIOCore

/// The MCP gate. On an MCP route the session must be the caller's, the body one that every reader understands alike, and each call in it one
/// that the caller may make.
enum GatePhase {
    struct Result: Equatable {
        let verdict: ExchangeMachine.Gating
        /// Whether all of the body has come, whatever is judged of it.
        let bodyIsWhole: Bool

        static func refused(_ reason: Reason) -> Result { Result(verdict: .refused(reason)) }

        init(verdict: ExchangeMachine.Gating, bodyIsWhole: Bool = false) {
            self.verdict = verdict
            self.bodyIsWhole = bodyIsWhole
        }

        init(refusal: Reason?, bodyIsWhole: Bool = false) {
            self.init(verdict: refusal.map { .refused($0) } ?? .passed, bodyIsWhole: bodyIsWhole)
        }
    }

    /// Judges a request of an established caller. Notes in `exchange` what it found.
    static func judge(
        _ inbound: borrowing InboundBytes,
        _ body: inout RequestBody,
        _ exchange: Exchange,
        on route: PreparedRoute,
        _ tables: inout GateTables
    ) -> Result {
        guard !exchange.isQuestion else { return Result(refusal: questionRefusal(exchange, tables)) }
        guard route.isGated else { return Result(refusal: rateRefusal(of: 1, exchange, tables)) }
        let received = inbound.bytes
        let head = inbound.head
        let fields = GatedFields(head, received.readableBytesUInt8Span)
        guard let sessions = fields.sessions, isOwner(of: sessions, inbound, exchange, &tables) else {
            return .refused(.sessionUnknown)
        }
        if exchange.isLimited, route.route.endpoints == nil,
            let refusal = writingRefusal(inbound, exchange, route.route, &tables)
        {
            return .refused(refusal)
        }
        noteLastEvent(fields, inbound, exchange)
        if exchange.method != .post, exchange.isLimited {
            // A tunnel's calls are not seen, so a caller who may not make every call gets no tunnel.
            if head.isWebSocketUpgrade { return .refused(.principalDenied) }
            let refusal = RequestAdmission.refusal(
                ofLimited: exchange.method,
                head,
                received.readableBytesUInt8Span,
                hasSession: sessions.field != nil
            )
            if let refusal { return .refused(refusal) }
        }
        guard !body.isComplete else {
            return exchange.method == .post
                ? .refused(.rpcMalformed) : Result(refusal: rateRefusal(of: 1, exchange, tables))
        }
        // Without a body there is nothing to be coded; only a chunked one may still turn out to be none.
        guard fields.isPlainBody || exchange.method != .post && head.framing == .chunked else {
            return .refused(.rpcMalformed)
        }
        guard let whole = body.whole(in: inbound) else {
            return rateRefusalBeforeBody(head.framing, exchange, tables).map { .refused($0) }
                ?? Result(verdict: .needsBody)
        }
        if exchange.method != .post, whole.payload?.readableBytes == 0 {
            // cloudflared and others mark requests without a body as chunked.
            return Result(refusal: rateRefusal(of: 1, exchange, tables), bodyIsWhole: true)
        }
        guard fields.isPlainBody else { return Result(refusal: .rpcMalformed, bodyIsWhole: true) }
        let refusal =
            if let payload = whole.payload {
                payload.withUnsafeReadableBytes { read($0, of: whole, fields, inbound, exchange, tables) }
            } else {
                received.withUnsafeReadableBytes {
                    read(
                        UnsafeRawBufferPointer(rebasing: $0[whole.place]),
                        of: whole,
                        fields,
                        inbound,
                        exchange,
                        tables
                    )
                }
            }
        return Result(refusal: refusal, bodyIsWhole: true)
    }

    /// A question has no body, and sessions stand on answers that do not pass here: whoever is limited in what bodies ask may ask nothing.
    private static func questionRefusal(_ exchange: Exchange, _ tables: borrowing GateTables) -> Reason? {
        exchange.isLimited ? .principalDenied : rateRefusal(of: 1, exchange, tables)
    }

    private static func read(
        _ bytes: UnsafeRawBufferPointer,
        of whole: RequestBody.Whole,
        _ fields: GatedFields,
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange,
        _ tables: borrowing GateTables
    ) -> Reason? {
        let version = inbound.withBytes(fields.version) { $0.isEmpty ? .unstated : ProtocolVersion($0) }
        let body: RPCBody
        do throws(RPCFault) {
            body = try RPCGate.scan(bytes, allowsBatch: version.hasBatches)
        } catch {
            tables.logger.debug(
                "body refused",
                metadata: [
                    "request.id": "\(exchange.id)", "rpc.fault": "\(error.code)", "rpc.offset": "\(error.offset)",
                ]
            )
            return .rpcMalformed
        }
        exchange.call.received = ReceivedCall(body: body, place: whole.place, payload: whole.payload)
        exchange.call.waiting = WaitingIDs(body, bytes)
        if fields.isVersionRepeated { return .rpcHeaderMismatch }
        if version.mirrorsBody, !mirrors(fields, body, bytes, inbound) { return .rpcHeaderMismatch }
        if let refusal = rateRefusal(of: body.ratedMessages, exchange, tables) { return refusal }
        if let refusal = ownershipRefusal(body, bytes, fields, version, inbound, exchange) { return refusal }
        guard let permits = exchange.permits else { return .principalDenied }
        // An upstream that reads other members than those of JSON-RPC reads another request.
        if permits.restrictsAny, body.contains(where: \.hasOtherMembers) { return .rpcMalformed }
        exchange.call.isListening = body.contains(where: \.isListen)
        var denial: RPCDenial?
        body.forEach { message in
            if message.mayBeAnsweredWithLists(beyond: permits) { exchange.call.mayGetLists = true }
            if message.known == .resourcesRead, permits.restricts(.resource) { exchange.call.owned.isPrivate = true }
            if denial == nil { denial = message.denial(by: permits, exchange.pins, in: bytes) }
        }
        exchange.answer.argument = denial?.argument
        if let denial { return denial.reason }
        return permits.rulesArguments && !mirrorsArguments(body, bytes, permits, inbound) ? .rpcHeaderMismatch : nil
    }

    private static func mirrors(
        _ fields: GatedFields,
        _ body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ inbound: borrowing InboundBytes
    ) -> Bool {
        inbound.withBytes(fields.method) { method in
            inbound.withBytes(fields.name) { name in
                let mirrored = MirroredFields(
                    method: fields.method == nil ? nil : method,
                    name: fields.name == nil ? nil : name
                )
                return !body.contains { !mirrored.agree(with: $0, in: bytes) }
            }
        }
    }
}
