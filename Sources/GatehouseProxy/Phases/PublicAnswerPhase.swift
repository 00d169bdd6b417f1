internal import GatehouseCore
internal import NIOCore

/// The answers that Gatehouse gives to everybody: a preflight of an admitted origin, the route's resource metadata, and its public document. Everything else under
/// `.well-known` is refused; none of it reaches the upstream.
enum PublicAnswerPhase {
    /// The origin of another site's page that the route admits.
    static func admittedOrigin(_ inbound: borrowing InboundBytes, on route: PreparedRoute) -> CrossOrigin? {
        guard let cors = route.route.cors, let origin = inbound.head.origin,
            let position = inbound.withBytes(origin, { cors.position(of: $0) })
        else { return nil }
        return route.crossOrigins[position]
    }

    /// - Parameters:
    ///   - prefix: bytes of the path that the route's prefix covers.
    ///   - origin: the page's, if the route admits it.
    ///   - isQuestion: another proxy asks: a status of success would have it forward a request that nobody has signed in for, and it passes no body on.
    static func seek(
        _ inbound: borrowing InboundBytes,
        _ method: RequestMethod,
        on route: PreparedRoute,
        prefix: Int,
        from origin: CrossOrigin?,
        isQuestion: Bool = false
    ) -> ExchangeMachine.PublicAnswer {
        let answer = seek(inbound, method, on: route, prefix: prefix, from: origin)
        if isQuestion, case .found = answer { return .refused(.routeUnknown) }
        return answer
    }

    private static func seek(
        _ inbound: borrowing InboundBytes,
        _ method: RequestMethod,
        on route: PreparedRoute,
        prefix: Int,
        from origin: CrossOrigin?
    ) -> ExchangeMachine.PublicAnswer {
        if inbound.withBytes(inbound.head.path, { WellKnown.contains($0, prefix: prefix) }) {
            return wellKnown(inbound, method, on: route)
        }
        if let document = route.route.publicDocument, method.isSafe, method != .options,
            inbound.withBytes(inbound.head.path, { $0.elementsEqual(document.path.utf8) })
        {
            return .found(.document(document.json, lines: []))
        }
        guard method == .options, route.route.cors != nil, inbound.head.origin != nil,
            let asked = preflight(inbound)
        else { return .none }
        guard let origin else { return .refused(.originDenied) }
        return .found(.preflight(inbound.withBytes(asked.fields) { origin.preflight(asked: $0) }))
    }

    private static func wellKnown(
        _ inbound: borrowing InboundBytes,
        _ method: RequestMethod,
        on route: PreparedRoute
    ) -> ExchangeMachine.PublicAnswer {
        guard let metadata = route.metadata,
            inbound.withBytes(inbound.head.path, { WellKnown.resourcePath($0) != nil })
        else { return .refused(.routeUnknown) }
        // Everyone may read it, from any page.
        if method == .options {
            guard let asked = preflight(inbound) else { return .refused(.routeUnknown) }
            return .found(.preflight(inbound.withBytes(asked.fields) { CrossOrigin.publicPreflight(asked: $0) }))
        }
        guard method.isSafe else { return .refused(.routeUnknown) }
        return .found(.document(metadata, lines: Array(CrossOrigin.publicGrant.utf8)))
    }

    private struct Preflight {
        /// The fields that the page wants to send.
        let fields: ByteRange?
    }

    /// Nil when the request is none: it names no method.
    private static func preflight(_ inbound: borrowing InboundBytes) -> Preflight? {
        let received = inbound.bytes
        let bytes = received.readableBytesUInt8Span
        var fields: ByteRange?
        var hasMethod = false
        for field in inbound.head.fields where field.known == .accessControl {
            if bytes.equalsIgnoringCase(field.name, "access-control-request-method") { hasMethod = true }
            if bytes.equalsIgnoringCase(field.name, "access-control-request-headers") { fields = field.value }
        }
        return hasMethod ? Preflight(fields: fields) : nil
    }
}
