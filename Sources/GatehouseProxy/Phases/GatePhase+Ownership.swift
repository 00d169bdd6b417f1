internal import GatehouseCore
internal import GatehouseMCP

/// The values that a request presents must be the caller's, and those that its answer hands out will be.
extension GatePhase {
    /// Why the messages of a body may not be presented, nil when they may. Notes what is left out of them upstream.
    static func ownershipRefusal(
        _ body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ fields: GatedFields,
        _ version: ProtocolVersion,
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange
    ) -> Reason? {
        var refusal: Reason?
        var isOfTask = false
        var cuts = TagCuts()
        body.forEach { message in
            if message.known.isOfTask { isOfTask = true }
            if refusal == nil { refusal = ownershipRefusal(message, bytes, exchange, &cuts) }
        }
        if let refusal { return refusal }
        exchange.call.owned.cuts = cuts
        exchange.call.owned.isUnderOlderKey = cuts.isUnderOlderKey
        if isOfTask, fields.name != nil {
            guard case .single(let message) = body, let name = untaggedName(message, bytes, fields, inbound) else {
                return .rpcHeaderMismatch
            }
            exchange.call.owned.name = name
        }
        expectAnswer(to: body, bytes, version, exchange)
        return nil
    }

    static func ownershipRefusal(
        _ message: RPCMessage,
        _ bytes: UnsafeRawBufferPointer,
        _ exchange: Exchange,
        _ cuts: inout TagCuts
    ) -> Reason? {
        guard !message.owned.isEmpty || message.known == .tasksList else { return nil }
        guard let caller = exchange.caller, let route = exchange.route?.route else { return .principalDenied }
        return cuts.add(
            message,
            in: bytes,
            exchange.tags.owned,
            route: route.name,
            principal: caller.principal
        )
    }

    /// `Mcp-Name` without the tag; nil when it does not name the task that the body does.
    private static func untaggedName(
        _ message: RPCMessage,
        _ bytes: UnsafeRawBufferPointer,
        _ fields: GatedFields,
        _ inbound: borrowing InboundBytes
    ) -> [UInt8]? {
        guard let range = fields.name else { return nil }
        return inbound.withBytes(range) { MirroredFields.untaggedTask($0, of: message, in: bytes) }
    }

    private static func expectAnswer(
        to body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ version: ProtocolVersion,
        _ exchange: Exchange
    ) {
        exchange.call.owned.isHandedOut = body.contains {
            $0.asksForTask || $0.known.isOfTask || $0.known == .listen
                || $0.known.mayGoOn && version.hasTasks
        }
        guard version.mirrorsBody, case .single(let message) = body, message.known.mayGoOn,
            let target = message.target?.string(in: bytes)
        else { return }
        exchange.call.owned.call = (message.known, target.withResolvedBytes { ShortBytes($0) })
    }

    /// Decides whether a stream resumes after the caller's last event, or begins anew because the presented event is not the caller's.
    static func noteLastEvent(_ fields: GatedFields, _ inbound: borrowing InboundBytes, _ exchange: Exchange) {
        guard fields.hasLastEvent else { return }
        let acceptance = inbound.withBytes(fields.lastEvent) { id -> OwnedTags.Acceptance? in
            guard let caller = exchange.caller, let route = exchange.route?.route else { return nil }
            return exchange.tags.owned.accepted(.event, id, route: route.name, principal: caller.principal)
        }
        if case .older = acceptance { exchange.call.owned.isUnderOlderKey = true }
        exchange.call.owned.event = acceptance == nil ? .dropped : .cut(OwnedTags.length)
        if acceptance == nil { exchange.answer.rpcError = "event_id_unknown" }
    }
}
