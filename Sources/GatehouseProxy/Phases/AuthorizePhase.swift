internal import GatehouseCore
internal import NIOCore

/// Whether this caller may use this route.
enum AuthorizePhase {
    /// Why a request is refused for where it comes from or how long it is, before anything is looked up for its caller.
    ///
    /// - Parameter admitted: whether the route admits the page's origin.
    static func refusal(
        _ inbound: borrowing InboundBytes,
        _ framing: BodyFraming,
        on route: Route,
        isOriginAdmitted admitted: Bool
    ) -> Reason? {
        guard admitted || isOfThisSite(inbound) else { return .originDenied }
        if !route.takesWebSockets, inbound.head.isWebSocketUpgrade { return .webSocketDenied }
        if case .length(let length) = framing, length > route.limits.body { return .bodyTooLarge }
        return nil
    }

    /// Why the grants, or the route for everybody, refuse a request.
    static func refusal(
        _ inbound: borrowing InboundBytes,
        _ method: RequestMethod,
        by permits: Permits,
        on route: PreparedRoute,
        prefix: Int
    ) -> Reason? {
        permits.refusal
            ?? inbound.withBytes(inbound.head.path) {
                RequestAdmission.refusal(method, path: $0, prefix: prefix, on: route)
            }
    }

    /// A browser names the page that sends a request; another site's page must not use the caller's session with Access
    /// (DNS rebinding and cross-site requests). Requests without `Origin` come from programs.
    private static func isOfThisSite(_ inbound: borrowing InboundBytes) -> Bool {
        guard let origin = inbound.head.origin else { return true }
        return inbound.withBytes(origin) { origin in
            inbound.withBytes(inbound.head.host) { host in
                guard let site = Self.host(ofOrigin: origin) else { return false }
                // A route for any host serves the host that was asked for; an exact one has matched it already.
                return site.elementsEqual(host, by: { $0.lowercasedASCII == $1.lowercasedASCII })
            }
        }
    }

    /// The host of `scheme://host[:port]` (RFC 6454 section 6.2), nil for `null` and anything else.
    private static func host(ofOrigin origin: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        for scheme in ["https://", "http://"] as [StaticString] {
            let count = scheme.utf8CodeUnitCount
            guard scheme.withUTF8Buffer({ origin.prefix(count).elementsEqual($0, by: { $0.lowercasedASCII == $1 }) })
            else { continue }
            let authority = origin[count...]
            guard !authority.contains(where: { $0 == 0x2F || $0 == 0x40 || $0 == 0x3F }) else { return nil }
            let bracket = authority.lastIndex(of: 0x5D) ?? authority.startIndex
            return authority[..<(authority[bracket...].lastIndex(of: 0x3A) ?? authority.endIndex)]
        }
        return nil
    }
}
