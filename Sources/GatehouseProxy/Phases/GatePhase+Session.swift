internal import GatehouseCore
internal import GatehouseMCP

/// The sessions that a request names must be the caller's.
extension GatePhase {
    /// Notes what must be left out of the sessions upstream.
    static func isOwner(
        of sessions: GatedFields.Sessions,
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange,
        _ tables: inout GateTables
    ) -> Bool {
        if let range = sessions.field, !isOwner(of: range, inbound, exchange, &tables) { return false }
        guard let range = sessions.query else { return isOwnerOfPath(inbound, exchange, &tables) }
        exchange.session.queryTag = ByteRange(range.upper - SessionTags.length, range.upper)
        return isOwner(of: range, inbound, exchange, &tables)
    }

    /// Whether the session at the end of the path is the caller's, or none is there.
    private static func isOwnerOfPath(
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange,
        _ tables: inout GateTables
    ) -> Bool {
        let path = inbound.head.path
        guard path.count > PathSession.minimumID, let route = exchange.route?.route, let caller = exchange.caller
        else { return true }
        let place = inbound.withBytes(path) { PathSession.lastSegment(of: $0) }
        let segment = ByteRange(path.lower + place.lowerBound, path.upper)
        var rest = path
        if segment.lower >= path.lower + exchange.prefix, inbound.withBytes(segment, { PathSession.isTagged($0) }),
            let session = inbound.withBytes(segment, { tables.callers.session($0, of: caller, on: route) })
        {
            exchange.session.bound = session
            exchange.session.pathTag = ByteRange(segment.upper - SessionTags.length, segment.upper)
            rest = ByteRange(path.lower, segment.lower)
            exchange.session.pathWithoutSession = rest
            learn(inbound.withBytes(rest) { PathSession.folded($0) }, of: route, &tables)
        }
        guard tables.legacy.knowsDirectories else { return true }
        return !inbound.withBytes(rest) { PathSession.directories(of: $0) }
            .contains { tables.legacy.holdsSessions(route.name, $0, &tables.paths) }
    }

    /// Why a caller with limits may not write here, on a route that does not say where its upstream speaks MCP.
    static func writingRefusal(
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange,
        _ route: Route,
        _ tables: inout GateTables
    ) -> Reason? {
        let path = inbound.head.path
        return inbound.withBytes(path) { bytes in
            RequestAdmission.refusal(
                ofWriting: exchange.method,
                path: bytes,
                prefix: exchange.prefix,
                isLegacy: exchange.isLegacyPost,
                wasTold: {
                    let place = exchange.session.pathWithoutSession.map { $0.upper - path.lower } ?? bytes.count
                    return tables.legacy.tells(route.name, PathSession.told(bytes.prefix(place)), &tables.paths)
                }
            )
        }
    }

    /// A session of another instance, or of this one before a restart, shows a path for posts that no stream of this process has named.
    private static func learn(_ directory: [UInt8], of route: Route, _ tables: inout GateTables) {
        guard !tables.legacy.holdsSessions(route.name, directory, &tables.paths) else { return }
        tables.legacy.learn(route.name, directory)
    }

    private static func isOwner(
        of session: ByteRange,
        _ inbound: borrowing InboundBytes,
        _ exchange: Exchange,
        _ tables: inout GateTables
    ) -> Bool {
        guard let caller = exchange.caller, let route = exchange.route?.route else { return false }
        exchange.session.bound = inbound.withBytes(session) { tables.callers.session($0, of: caller, on: route) }
        return exchange.session.bound != nil
    }
}
