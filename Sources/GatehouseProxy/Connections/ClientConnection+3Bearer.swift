internal import GatehouseCore
internal import NIOCore

/// Step 3 without an assertion: on a route that takes them, a break-glass credential.
///
/// An assertion, good or bad, goes first: whoever has come through Access is judged by it, and a bearer never rescues a bad one.
extension ClientConnection {
    func authenticateBearer(for route: Route) -> ExchangeAction {
        guard route.credentials.contains(.bearer), parser.head.has(.authorization) else {
            return machine.authenticated(.refused(.assertionMissing))
        }
        let received = inbound
        let now = exchange?.startedAt ?? loop.clock.now()
        guard case .one(let field) = parser.head.occurrence(of: .authorization, in: received.readableBytesUInt8Span)
        else { return machine.authenticated(.refused(.bearerUnknown)) }
        let verdict = withHeadBytes(field) { value -> AssertionVerdict in
            guard let bearer = Self.bearer(in: value) else { return .refused(.assertionMissing) }
            return loop.authenticator.authenticate(bearer: bearer, now: now)
        }
        switch verdict {
        case .verified(let caller):
            // Named before it is judged: the audit tells who tried.
            exchange?.caller = caller
            return machine.authenticated(caller.mayUse(route.name) ? .verified : .refused(.principalDenied))
        case .refused(let reason): return machine.authenticated(.refused(reason))
        case .undecided: preconditionFailure("a bearer is known or not: nothing is looked up for it")
        }
    }

    /// What follows `Bearer` and spaces (RFC 9110 section 11.4), nil for another scheme.
    private static func bearer(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let scheme: StaticString = "bearer "
        guard value.count > scheme.utf8CodeUnitCount,
            scheme.withUTF8Buffer({ $0.elementsEqual(value.prefix($0.count), by: { $0 == $1.lowercasedASCII }) })
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: value.dropFirst(scheme.utf8CodeUnitCount).drop { $0 == 0x20 })
    }
}
