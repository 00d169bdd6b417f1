internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// The events of an exchange as the audit gets them: its decision, before anything is forwarded or refused, and its outcome.
struct RecordPhase {
    let recorder: any AuditRecorder
    let exchange: Exchange
    /// The address of the connection's other end, where the head names no client.
    let peer: PeerName

    /// Records what was decided, with all that is known by now. A refusal is a decision too.
    func decision(_ inbound: borrowing InboundBytes) -> AuditReceipt {
        var facts = AuditFacts(.decision, of: exchange.id, at: exchange.startedAt, route: exchange.route?.route)
        facts.trace = exchange.trace?.own
        facts.refusal = exchange.answer.refusal
        facts.caller = exchange.caller
        facts.groups = exchange.permits?.groups ?? []
        // A caller who was refused before the token was provided has used none.
        if exchange.injected != nil {
            facts.token =
                exchange.personal.map { personal in personal.version.map { (personal.token, $0) } }
                ?? exchange.route?.token
            if case .own? = exchange.personal?.given { facts.tokenOwner = exchange.personal?.owner }
        }
        let receipt = record(&facts, inbound)
        exchange.decided(receipt)
        return receipt
    }

    func outcome(_ ending: Ending, at time: Timestamp, _ now: MonotonicTime) {
        var facts = AuditFacts(.outcome, of: exchange.id, at: time, route: exchange.route?.route)
        let upstream = exchange.upstream
        facts.refusal = exchange.answer.refusal
        facts.isOfNobody = exchange.caller == nil
        facts.status = exchange.answer.status
        facts.upstreamStatus = upstream.status
        facts.bytesIn = exchange.bytesIn
        facts.bytesOut = exchange.bytesOut
        facts.durationMicroseconds = (now - exchange.started).nanoseconds / 1000
        facts.upstreamMicroseconds =
            upstream.started.map { ((upstream.answered ?? now) - $0).nanoseconds / 1000 } ?? 0
        facts.ending = ending
        var rpcError = exchange.answer.rpcError
        guard !rpcError.isEmpty else { return _ = recorder.record(facts) }
        rpcError.withUTF8 { text in
            facts.rpcError = UnsafeRawBufferPointer(text)
            _ = recorder.record(facts)
        }
    }

    // MARK: - Head

    private func record(_ facts: inout AuditFacts, _ inbound: borrowing InboundBytes) -> AuditReceipt {
        // The head of a malformed request is not to be believed, so nothing of it is recorded.
        guard inbound.hasHead else {
            facts.clientIP = peer.bytes
            return recorder.record(facts)
        }
        let head = inbound.head
        let received = inbound.bytes
        return received.withUnsafeReadableBytes { bytes in
            func part(_ range: ByteRange?) -> UnsafeRawBufferPointer {
                range.map { UnsafeRawBufferPointer(rebasing: bytes[$0.lower..<$0.upper]) } ?? AuditFacts.nothing
            }
            facts.httpMethod = part(head.method)
            facts.path = part(exchange.session.pathWithoutSession ?? head.path)
            facts.clientIP = part(head.cfConnectingIP)
            if facts.clientIP.count == 0 { facts.clientIP = peer.bytes }
            facts.cfRay = part(head.cfRay)
            if case .one(let version) = head.occurrence(of: .mcpProtocolVersion, in: received.readableBytesUInt8Span) {
                facts.protocolVersion = part(version)
            }
            guard let session = exchange.session.bound else { return record(&facts, exchange.call.received, bytes) }
            return session.hash.withUnsafeBytes { hash in
                facts.session = hash
                return record(&facts, exchange.call.received, bytes)
            }
        }
    }

    // MARK: - Messages

    /// Records the decision on each message of a body, or on the request alone.
    ///
    /// - Parameter received: the bytes that start with the head.
    private func record(
        _ facts: inout AuditFacts,
        _ call: ReceivedCall?,
        _ received: UnsafeRawBufferPointer
    ) -> AuditReceipt {
        guard let call else { return recorder.record(facts) }
        if let payload = call.payload {
            return payload.withUnsafeReadableBytes { record(&facts, call.body, $0) }
        }
        return record(&facts, call.body, UnsafeRawBufferPointer(rebasing: received[call.place]))
    }

    private func record(_ facts: inout AuditFacts, _ body: RPCBody, _ bytes: UnsafeRawBufferPointer) -> AuditReceipt {
        switch body {
        case .single(let message): return record(&facts, message, bytes)
        case .batch(let messages) where Self.comesUncounted(facts.refusal):
            facts.requests = Int64(messages.count)
            return recorder.record(facts)
        case .batch(let messages):
            var last = AuditReceipt.recorded
            let isOnes = isOfOne(messages, facts.refusal, in: bytes)
            for (index, message) in messages.enumerated() {
                facts.rpcPosition = index + 1
                if isOnes { facts.refusal = refusal(of: message, in: bytes) ?? .batchDenied }
                let receipt = record(&facts, message, bytes)
                // Tickets are served in their order, so the last stands for all.
                if last != .unavailable, receipt != .recorded { last = receipt }
            }
            return last
        }
    }

    /// Whether a batch is refused before its messages have counted against a rate. Nothing else bounds how many of those come, so a row for each
    /// message would let 64 times as much into the audit as any other request: one row has their number.
    private static func comesUncounted(_ refusal: Reason?) -> Bool {
        switch refusal {
        case .rateLimited, .rpcHeaderMismatch: true
        case _: false
        }
    }

    /// Whether a batch was refused as a whole for what one of its messages asks: then each says its own reason, or that it went down with it.
    private func isOfOne(_ messages: [RPCMessage], _ reason: Reason?, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard let reason else { return false }
        return messages.contains { refusal(of: $0, in: bytes) == reason }
    }

    private func refusal(of message: RPCMessage, in bytes: UnsafeRawBufferPointer) -> Reason? {
        var cuts = TagCuts()
        return GatePhase.ownershipRefusal(message, bytes, exchange, &cuts)
            ?? exchange.permits.flatMap { message.refusal(by: $0, in: bytes) }
    }

    private func record(
        _ facts: inout AuditFacts,
        _ message: RPCMessage,
        _ bytes: UnsafeRawBufferPointer
    ) -> AuditReceipt {
        func part(_ range: Range<Int>?) -> UnsafeRawBufferPointer {
            range.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) } ?? AuditFacts.nothing
        }
        facts.rpcID = part(message.id)
        facts.arguments = part(message.arguments)
        facts.rpcMethod = AuditFacts.nothing
        facts.target = AuditFacts.nothing
        guard let method = message.method?.string(in: bytes) else { return recorder.record(facts) }
        return method.withResolvedBytes { method in
            facts.rpcMethod = method
            guard let target = message.target?.string(in: bytes) else { return recorder.record(facts) }
            return target.withResolvedBytes { target in
                facts.target = target
                return recorder.record(facts)
            }
        }
    }
}
