internal import GatehouseCore
internal import NIOCore

/// Establishes the caller by the assertion or, on a route that takes them, by a break-glass credential.
///
/// An assertion, good or bad, goes first: a request that came through Access is judged by it, and a bearer never rescues a bad one.
enum AuthenticatePhase {
    struct Result {
        let verdict: ExchangeMachine.Authentication
        /// Set also for a refused credential, so that the audit records who tried.
        var caller: Caller?
        /// The wait of an undecided verdict.
        var wait: AssertionWait?
    }

    static func establish(
        _ inbound: borrowing InboundBytes,
        for route: Route,
        by authenticator: any AssertionAuthenticator,
        now: Timestamp
    ) -> Result {
        switch inbound.head.assertion {
        case .missing: return bearer(inbound, for: route, by: authenticator, now: now)
        case .duplicate: return Result(verdict: .refused(.assertionDuplicate))
        case .one(let range):
            switch inbound.withBytes(range, { authenticator.authenticate($0, for: route, now: now) }) {
            case .verified(let caller): return Result(verdict: .verified, caller: caller)
            case .refused(let reason): return Result(verdict: .refused(reason))
            case .barred(let caller, let reason): return Result(verdict: .refused(reason), caller: caller)
            case .undecided(let wait): return Result(verdict: .undecided(orElse: wait.orElse), wait: wait)
            }
        }
    }

    private static func bearer(
        _ inbound: borrowing InboundBytes,
        for route: Route,
        by authenticator: any AssertionAuthenticator,
        now: Timestamp
    ) -> Result {
        guard route.credentials.contains(.bearer), inbound.head.has(.authorization) else {
            return Result(verdict: .refused(.assertionMissing))
        }
        let received = inbound.bytes
        guard case .one(let field) = inbound.head.occurrence(of: .authorization, in: received.readableBytesUInt8Span)
        else { return Result(verdict: .refused(.bearerUnknown)) }
        let verdict = inbound.withBytes(field) { value -> AssertionVerdict in
            guard let bearer = credential(in: value) else { return .refused(.assertionMissing) }
            return authenticator.authenticate(bearer: bearer, now: now)
        }
        switch verdict {
        case .verified(let caller):
            return Result(verdict: caller.mayUse(route.name) ? .verified : .refused(.principalDenied), caller: caller)
        case .refused(let reason): return Result(verdict: .refused(reason))
        case .barred(let caller, let reason): return Result(verdict: .refused(reason), caller: caller)
        case .undecided: preconditionFailure("a bearer is known or not: nothing is looked up for it")
        }
    }

    /// The bytes after `Bearer` and spaces (RFC 9110 section 11.4), nil for another scheme.
    private static func credential(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let scheme: StaticString = "bearer "
        guard scheme.withUTF8Buffer({ $0.elementsEqual(value.prefix($0.count), by: { $0 == $1.lowercasedASCII }) })
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: value.dropFirst(scheme.utf8CodeUnitCount).drop { $0 == 0x20 })
    }
}
