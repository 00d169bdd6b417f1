internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// Step 7: the decision, recorded before anything is forwarded. A refusal is a decision too.
extension ClientConnection {
    func recordDecision() -> ExchangeAction {
        machine.decisionRecorded(record(.decision))
    }

    func awaitRecord(_ ticket: UInt64) {
        let awaited = exchange?.id
        loop.recorder.whenDurable(ticket) { [self] durable in
            guard exchange?.id == awaited else { return }
            carryOut(machine.decisionSettled(durable: durable))
            useInbound()
            flushIfNeeded()
        }
    }

    /// Hands one event to the audit, with all that is known by now.
    @discardableResult
    func record(_ kind: AuditFacts.Kind, ending: Ending? = nil) -> AuditReceipt {
        guard let exchange else { preconditionFailure("an event belongs to an exchange") }
        // A pattern, because == on an enum with raw values of another module is a generic call.
        let at = if case .decision = kind { exchange.startedAt } else { loop.clock.now() }
        var facts = AuditFacts(kind, of: exchange.id, at: at, route: exchange.route?.route)
        facts.refusal = exchange.refusal
        let receipt: AuditReceipt
        switch kind {
        case .decision:
            facts.caller = exchange.caller
            // A caller who was refused before step 6 has used no token.
            if exchange.injected != nil { facts.token = exchange.route?.token }
            receipt = recordWithHead(&facts)
            exchange.isDecided = true
            if case .counted = receipt { exchange.isCounted = true }
        case .outcome:
            let now = MonotonicTime.now()
            facts.isOfNobody = exchange.caller == nil
            facts.status = exchange.status
            facts.upstreamStatus = exchange.upstreamStatus
            facts.bytesIn = exchange.bytesIn
            facts.bytesOut = exchange.bytesOut
            facts.durationMicroseconds = (now - exchange.started).nanoseconds / 1000
            facts.upstreamMicroseconds =
                exchange.upstreamStarted.map { ((exchange.upstreamAnswered ?? now) - $0).nanoseconds / 1000 } ?? 0
            facts.ending = ending
            receipt = recordOutcome(&facts, exchange.rpcError)
        }
        return receipt
    }

    private func recordWithHead(_ facts: inout AuditFacts) -> AuditReceipt {
        // The head of a malformed request is not to be believed, so nothing of it is recorded.
        if !hasHead { facts.clientIP = peer.bytes }
        guard hasHead else { return loop.recorder.record(facts) }
        let head = parser.head
        let received = inbound
        return received.withUnsafeReadableBytes { bytes in
            func part(_ range: ByteRange?) -> UnsafeRawBufferPointer {
                range.map { UnsafeRawBufferPointer(rebasing: bytes[$0.lower..<$0.upper]) } ?? AuditFacts.nothing
            }
            facts.httpMethod = part(head.method)
            facts.path = part(exchange?.pathWithoutSession ?? head.path)
            facts.clientIP = part(head.cfConnectingIP)
            if facts.clientIP.count == 0 { facts.clientIP = peer.bytes }
            facts.cfRay = part(head.cfRay)
            if case .one(let version) = head.occurrence(of: .mcpProtocolVersion, in: received.readableBytesUInt8Span) {
                facts.protocolVersion = part(version)
            }
            guard let exchange else { return loop.recorder.record(facts) }
            guard let session = exchange.session else { return record(&facts, exchange.call, bytes) }
            return session.hash.withUnsafeBytes { hash in
                facts.session = hash
                return record(&facts, exchange.call, bytes)
            }
        }
    }

    /// Records the decision on each message of a body, or on the request alone.
    ///
    /// - Parameter received: the bytes that start with the head.
    private func record(
        _ facts: inout AuditFacts,
        _ call: ReceivedCall?,
        _ received: UnsafeRawBufferPointer
    ) -> AuditReceipt {
        guard let call else { return loop.recorder.record(facts) }
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
            return loop.recorder.record(facts)
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
        guard let exchange else { return nil }
        var cuts = TagCuts()
        return ownershipRefusal(message, bytes, exchange, &cuts)
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
        guard let method = message.method?.string(in: bytes) else { return loop.recorder.record(facts) }
        return method.withResolvedBytes { method in
            facts.rpcMethod = method
            guard let target = message.target?.string(in: bytes) else { return loop.recorder.record(facts) }
            return target.withResolvedBytes { target in
                facts.target = target
                return loop.recorder.record(facts)
            }
        }
    }

    private func recordOutcome(_ facts: inout AuditFacts, _ rpcError: String) -> AuditReceipt {
        var rpcError = rpcError
        guard !rpcError.isEmpty else { return loop.recorder.record(facts) }
        return rpcError.withUTF8 { text in
            facts.rpcError = UnsafeRawBufferPointer(text)
            return loop.recorder.record(facts)
        }
    }
}
