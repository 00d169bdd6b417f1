internal import GatehouseCore
internal import NIOCore

/// Step 6: the decision, recorded before anything is forwarded. A refusal is a decision too.
extension ClientConnection {
    func recordDecision() -> ExchangeAction {
        machine.decisionRecorded(record(.decision))
    }

    func awaitRecord() {
        guard let ticket = exchange?.ticket else { preconditionFailure("a pending record has a ticket") }
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
        var facts = AuditFacts(kind, of: exchange.id, at: kind == .decision ? exchange.startedAt : loop.clock.now())
        facts.route = exchange.route?.route
        facts.refusal = exchange.refusal
        let receipt: AuditReceipt
        switch kind {
        case .decision:
            facts.caller = exchange.caller
            // A caller who was refused before step 5 has used no token.
            if exchange.injected != nil { facts.token = exchange.route?.token }
            receipt = recordWithHead(&facts)
            exchange.isDecided = true
            if case .pending(let ticket) = receipt { exchange.ticket = ticket }
        case .outcome:
            let now = NIODeadline.now()
            facts.status = exchange.status
            facts.upstreamStatus = exchange.upstreamStatus
            facts.bytesIn = exchange.bytesIn
            facts.bytesOut = exchange.bytesOut
            facts.durationMicroseconds = (now - exchange.started).nanoseconds / 1000
            facts.upstreamMicroseconds =
                exchange.upstreamStarted.map { ((exchange.upstreamAnswered ?? now) - $0).nanoseconds / 1000 } ?? 0
            facts.ending = ending
            receipt = loop.recorder.record(facts)
        }
        return receipt
    }

    private func recordWithHead(_ facts: inout AuditFacts) -> AuditReceipt {
        // The head of a malformed request is not to be believed, so nothing of it is recorded.
        guard hasHead else { return loop.recorder.record(facts) }
        let head = parser.head
        let received = inbound
        return received.withUnsafeReadableBytes { bytes in
            func part(_ range: ByteRange?) -> UnsafeRawBufferPointer {
                range.map { UnsafeRawBufferPointer(rebasing: bytes[$0.lower..<$0.upper]) } ?? AuditFacts.nothing
            }
            facts.httpMethod = part(head.method)
            facts.path = part(head.path)
            facts.clientIP = part(head.cfConnectingIP)
            facts.cfRay = part(head.cfRay)
            if case .one(let version) = head.occurrence(of: .mcpProtocolVersion, in: received.readableBytesUInt8Span) {
                facts.protocolVersion = part(version)
            }
            return loop.recorder.record(facts)
        }
    }
}
