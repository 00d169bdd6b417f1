internal import GatehouseCore
internal import GatehouseMCP

/// Part of step 5: what the request presents must be the caller's, and what its answer hands out will be.
extension ClientConnection {
    /// Why the messages of a body may not be presented, nil when they may. Notes what is left out of them upstream.
    func ownershipRefusal(
        _ body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ fields: GatedFields,
        _ version: ProtocolVersion,
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
        exchange.owned.cuts = cuts
        exchange.owned.isUnderOlderKey = cuts.isUnderOlderKey
        if isOfTask, fields.name != nil {
            guard case .single(let message) = body, let name = untaggedName(message, bytes, fields) else {
                return .rpcHeaderMismatch
            }
            exchange.owned.name = name
        }
        expectAnswer(to: body, bytes, version, exchange)
        return nil
    }

    func ownershipRefusal(
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
    private func untaggedName(
        _ message: RPCMessage,
        _ bytes: UnsafeRawBufferPointer,
        _ fields: GatedFields
    ) -> [UInt8]? {
        guard let range = fields.name else { return nil }
        return withHeadBytes(range) { MirroredFields.untaggedTask($0, of: message, in: bytes) }
    }

    private func expectAnswer(
        to body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ version: ProtocolVersion,
        _ exchange: Exchange
    ) {
        exchange.owned.isHandedOut = body.contains {
            $0.asksForTask || $0.known.isOfTask || $0.known == .listen
                || $0.known.mayGoOn && version.hasTasks
        }
        guard version.mirrorsBody, case .single(let message) = body, message.known.mayGoOn,
            let target = message.target?.string(in: bytes)
        else { return }
        exchange.owned.call = (message.known, target.withResolvedBytes { ShortBytes($0) })
    }

    /// Has a stream begin where the caller left it, or anew when it was not the caller's.
    func noteLastEvent(_ fields: GatedFields, _ exchange: Exchange) {
        guard fields.hasLastEvent else { return }
        let acceptance = withHeadBytes(fields.lastEvent) { id -> OwnedTags.Acceptance? in
            guard let caller = exchange.caller, let route = exchange.route?.route else { return nil }
            return exchange.tags.owned.accepted(.event, id, route: route.name, principal: caller.principal)
        }
        if case .older = acceptance { exchange.owned.isUnderOlderKey = true }
        exchange.owned.event = acceptance == nil ? .dropped : .cut(OwnedTags.length)
        if acceptance == nil { exchange.rpcError = "event_id_unknown" }
    }
}
