internal import GatehouseCore
internal import GatehouseMCP
internal import Logging
internal import NIOCore
internal import SocketLoop

/// Step 5: the MCP gate. On an MCP route the session must be the caller's, the body one that every reader understands alike,
/// and each call in it one that the caller may make.
extension ClientConnection {
    func gate() -> ExchangeAction {
        guard let exchange, let route = exchange.route else {
            preconditionFailure("a request is gated after it is routed and authorized")
        }
        guard route.isGated else { return machine.gated(rated()) }
        let received = inbound
        let head = parser.head
        let fields = GatedFields(head, received.readableBytesUInt8Span)
        guard let sessions = fields.sessions, isOwner(of: sessions, exchange) else {
            return machine.gated(.refused(.sessionUnknown))
        }
        if exchange.isLimited, route.route.endpoints == nil, let refusal = writingRefusal(exchange, route.route) {
            return machine.gated(.refused(refusal))
        }
        noteLastEvent(fields, exchange)
        if exchange.method != .post, exchange.isLimited {
            // A tunnel's calls are not seen, so whoever may not make every call gets none.
            if head.isWebSocketUpgrade { return machine.gated(.refused(.principalDenied)) }
            let refusal = RequestAdmission.refusal(
                ofLimited: exchange.method,
                head,
                received.readableBytesUInt8Span,
                hasSession: sessions.field != nil
            )
            if let refusal { return machine.gated(.refused(refusal)) }
        }
        guard !requestBody.isComplete else {
            return machine.gated(exchange.method == .post ? .refused(.rpcMalformed) : rated())
        }
        // Without a body there is nothing to be coded; only a chunked one may still turn out to be none.
        guard fields.isPlainBody || exchange.method != .post && head.framing == .chunked else {
            return machine.gated(.refused(.rpcMalformed))
        }
        guard let (place, payload) = wholeBody(head) else {
            return machine.gated(rateRefusalBeforeBody().map { .refused($0) } ?? .needsBody)
        }
        if exchange.method != .post, payload?.readableBytes == 0 {
            // cloudflared and others mark requests without a body as chunked.
            return machine.gated(rated(), bodyIsWhole: true)
        }
        guard fields.isPlainBody else { return machine.gated(.refused(.rpcMalformed), bodyIsWhole: true) }
        let refusal =
            if let payload {
                payload.withUnsafeReadableBytes { read($0, at: place, payload, fields, exchange) }
            } else {
                received.withUnsafeReadableBytes {
                    read(UnsafeRawBufferPointer(rebasing: $0[place]), at: place, nil, fields, exchange)
                }
            }
        return machine.gated(refusal.map { .refused($0) } ?? .passed, bodyIsWhole: true)
    }

    /// Where the payload stands when all of the body has come: in place, or put together when chunks lie between its parts.
    private func wholeBody(_ head: RequestHead) -> (Range<Int>, ByteBuffer?)? {
        if case .length(let length) = head.framing {
            guard inbound.readableBytes - head.length >= length else { return nil }
            return (head.length..<head.length + length, nil)
        }
        if gathered == nil { gathered = GatheredBody(requestBody) }
        guard let gathered, gathered.isComplete else { return nil }
        return (0..<0, gathered.payload)
    }

    /// Why a caller with limits may not write here, on a route that does not say where its upstream speaks MCP.
    private func writingRefusal(_ exchange: Exchange, _ route: Route) -> Reason? {
        let path = parser.head.path
        return withHeadBytes(path) { bytes in
            RequestAdmission.refusal(
                ofWriting: exchange.method,
                path: bytes,
                prefix: exchange.prefix,
                isLegacy: exchange.isLegacyPost,
                wasTold: {
                    let place = exchange.pathWithoutSession.map { $0.upper - path.lower } ?? bytes.count
                    return loop.legacy.tells(route.name, PathSession.told(bytes.prefix(place)), &loop.sessionPaths)
                }
            )
        }
    }

    // MARK: - Sessions

    /// Whether the sessions that a request names are the caller's. Notes what must be left out of them upstream.
    private func isOwner(of sessions: GatedFields.Sessions, _ exchange: Exchange) -> Bool {
        if let range = sessions.field, !isOwner(of: range, exchange) { return false }
        guard let range = sessions.query else { return isOwnerOfPath(exchange) }
        exchange.queryTag = ByteRange(range.upper - SessionTags.length, range.upper)
        return isOwner(of: range, exchange)
    }

    /// Whether the session at the end of the path is the caller's, or none is there.
    private func isOwnerOfPath(_ exchange: Exchange) -> Bool {
        let path = parser.head.path
        guard path.count > PathSession.minimumID, let route = exchange.route?.route, let caller = exchange.caller
        else { return true }
        let place = withHeadBytes(path) { PathSession.lastSegment(of: $0) }
        let segment = ByteRange(path.lower + place.lowerBound, path.upper)
        var rest = path
        if segment.lower >= path.lower + exchange.prefix, withHeadBytes(segment, { PathSession.isTagged($0) }),
            let session = withHeadBytes(segment, { loop.callers.session($0, of: caller, on: route) })
        {
            exchange.session = session
            exchange.pathTag = ByteRange(segment.upper - SessionTags.length, segment.upper)
            rest = ByteRange(path.lower, segment.lower)
            exchange.pathWithoutSession = rest
            learn(withHeadBytes(rest) { PathSession.folded($0) }, of: route)
        }
        guard loop.legacy.knowsDirectories else { return true }
        return !withHeadBytes(rest) { PathSession.directories(of: $0) }
            .contains { loop.legacy.holdsSessions(route.name, $0, &loop.sessionPaths) }
    }

    /// A session of another instance, or of this one before a restart, shows the path that this one has not seen told.
    private func learn(_ directory: [UInt8], of route: Route) {
        guard !loop.legacy.holdsSessions(route.name, directory, &loop.sessionPaths) else { return }
        loop.legacy.learn(route.name, directory)
    }

    private func isOwner(of session: ByteRange, _ exchange: Exchange) -> Bool {
        guard let caller = exchange.caller, let route = exchange.route?.route else { return false }
        exchange.session = withHeadBytes(session) { loop.callers.session($0, of: caller, on: route) }
        return exchange.session != nil
    }

    // MARK: - Reading

    private func read(
        _ bytes: UnsafeRawBufferPointer,
        at place: Range<Int>,
        _ payload: ByteBuffer?,
        _ fields: GatedFields,
        _ exchange: Exchange
    ) -> Reason? {
        let version = withHeadBytes(fields.version) { $0.isEmpty ? .unstated : ProtocolVersion($0) }
        let body: RPCBody
        do throws(RPCFault) {
            body = try RPCGate.scan(bytes, allowsBatch: version.hasBatches)
        } catch {
            loop.logger.debug(
                "body refused",
                metadata: [
                    "request.id": "\(exchange.id)", "rpc.fault": "\(error.code)", "rpc.offset": "\(error.offset)",
                ]
            )
            return .rpcMalformed
        }
        exchange.call = ReceivedCall(body: body, place: place, payload: payload)
        exchange.waiting = WaitingIDs(body, bytes)
        if fields.isVersionRepeated { return .rpcHeaderMismatch }
        if version.mirrorsBody, !mirrors(fields, body, bytes) { return .rpcHeaderMismatch }
        if let refusal = rateRefusal(of: body.ratedMessages) { return refusal }
        if let refusal = ownershipRefusal(body, bytes, fields, version, exchange) { return refusal }
        guard let permits = exchange.permits else { return .principalDenied }
        // An upstream that reads other members than those of JSON-RPC reads another request.
        if permits.restrictsAny, body.contains(where: \.hasOtherMembers) { return .rpcMalformed }
        exchange.isListening = body.contains(where: \.isListen)
        var refusal: Reason?
        body.forEach { message in
            if message.mayBeAnsweredWithLists(beyond: permits) { exchange.mayGetLists = true }
            if message.known == .resourcesRead, permits.restricts(.resource) { exchange.owned.isPrivate = true }
            if refusal == nil { refusal = message.refusal(by: permits, in: bytes) }
        }
        return refusal
    }

    private func mirrors(_ fields: GatedFields, _ body: RPCBody, _ bytes: UnsafeRawBufferPointer) -> Bool {
        withHeadBytes(fields.method) { method in
            withHeadBytes(fields.name) { name in
                let mirrored = MirroredFields(
                    method: fields.method == nil ? nil : method,
                    name: fields.name == nil ? nil : name
                )
                return !body.contains { !mirrored.agree(with: $0, in: bytes) }
            }
        }
    }

    // MARK: - Gathering

    /// Waits for a body that is not whole yet. A client that holds it back until it is asked for is asked.
    func gatherBody() {
        guard let exchange else { return }
        gatheringSince = loop.eventLoop.now
        limitGathering(exchange)
        if case .length(let length) = parser.head.framing {
            inbound.reserveCapacity(minimumWritableBytes: parser.head.length + length - inbound.readableBytes)
            ownsInbound = true
        }
        if parser.head.expectsContinue, exchange.version == .http11 {
            socket.write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
            socket.flush()
        }
    }

    /// - Returns: whether more of what was received can be used.
    func gatherMore() -> Bool {
        guard let exchange, let limit = exchange.route?.route.limits.body else { return false }
        let head = parser.head
        if let refusal = gathered?.advance(over: inbound, headLength: head.length, limit: limit) {
            carryOut(machine.requestBodyRefused(refusal))
            return true
        }
        guard let principal = exchange.caller?.principal else { return false }
        let new = inbound.readableBytes - held
        if new != 0 { loop.heldBodies.add(new, of: principal) }
        held += new
        if wholeBody(head) != nil {
            wait(atMost: Self.decisionTimeout)
            carryOut(machine.bodyGathered())
            return true
        }
        guard loop.heldBodies.hasRoom(for: principal, holding: held, within: exchange.snapshot.limits) else {
            carryOut(machine.gatheringOverflowed())
            return true
        }
        // The sweep comes by here too, with nothing new: then the wait goes on as it is.
        if new > 0 { limitGathering(exchange) }
        return false
    }

    /// A body may stall for the body timeout, and dripping gives it no more time than its bytes are worth.
    private func limitGathering(_ exchange: Exchange) {
        guard let stall = exchange.snapshot.waits.body else { return deadline = nil }
        let earned = TimeSpan(nanoseconds: Int64(held) * 1_000_000_000 / Int64(ServerLimits.heldBodyRate))
        deadline = min(loop.eventLoop.now, gatheringSince + earned) + stall
    }

    /// What was held is on its way or given up.
    func releaseHold(of exchange: Exchange) {
        if held > 0, let principal = exchange.caller?.principal { loop.heldBodies.add(-held, of: principal) }
        held = 0
        gathered = nil
    }
}
