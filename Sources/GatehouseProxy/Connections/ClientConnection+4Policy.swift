internal import GatehouseCore
internal import NIOCore

/// Step 4: whether this caller may use this route.
extension ClientConnection {
    func authorize() -> ExchangeAction {
        guard let exchange, let prepared = exchange.route, let caller = exchange.caller else {
            preconditionFailure("a principal is authorized after it is established")
        }
        let route = prepared.route
        guard isOriginAllowed(for: route) else { return machine.authorized(refusal: .originDenied) }
        if case .length(let length) = requestBody.framing, length > route.limits.body {
            return machine.authorized(refusal: .bodyTooLarge)
        }
        let permits = prepared.permits ?? loop.callers.permits(of: caller, on: route)
        exchange.permits = permits
        let refusal =
            permits.refusal
            ?? withHeadBytes(parser.head.path) {
                RequestAdmission.refusal(exchange.method, path: $0, prefix: exchange.prefix, on: prepared)
            }
        return machine.authorized(refusal: refusal)
    }

    /// A browser names the page that sends a request; another site's page must not use the caller's session with Access
    /// (DNS rebinding and cross-site requests). Requests without `Origin` come from programs.
    private func isOriginAllowed(for route: Route) -> Bool {
        guard let origin = parser.head.origin, exchange?.crossOrigin == nil else { return true }
        return withHeadBytes(origin) { origin in
            withHeadBytes(parser.head.host) { host in
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
            guard origin.count > count,
                scheme.withUTF8Buffer({ origin[..<count].elementsEqual($0, by: { $0.lowercasedASCII == $1 }) })
            else { continue }
            let authority = origin[count...]
            guard !authority.contains(where: { $0 == 0x2F || $0 == 0x40 || $0 == 0x3F }) else { return nil }
            let bracket = authority.lastIndex(of: 0x5D) ?? authority.startIndex
            return authority[..<(authority[bracket...].lastIndex(of: 0x3A) ?? authority.endIndex)]
        }
        return nil
    }
}
