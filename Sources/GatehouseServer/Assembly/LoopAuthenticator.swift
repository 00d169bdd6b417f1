internal import AccessIdentity
internal import GatehouseCore
internal import GatehouseTokens
internal import SocketLoop

/// Joins AccessIdentity to the data plane on one event loop: its verdicts become callers and reasons, and a key that it does not know is
/// looked up while the request waits.
final class LoopAuthenticator: AssertionAuthenticator {
    private var verifier: AssertionVerifier
    private let source: SigningKeySource
    private let eventLoop: EpollLoop
    private var bearers = BearerSnapshot()
    /// The rules by which callers are still admitted, for streams that were opened before a change.
    private let rules = CallerRules()
    /// Requests that wait for a look-up. Each is an open connection, which the listener bounds.
    private var waiting: [() -> Void] = []

    init(policy: AccessPolicy, source: SigningKeySource, eventLoop: EpollLoop) {
        self.source = source
        self.eventLoop = eventLoop
        verifier = Self.verifier(policy, keys: nil, rules)
    }

    private static func verifier(
        _ policy: AccessPolicy,
        keys: SigningKeys?,
        _ rules: CallerRules
    ) -> AssertionVerifier {
        AssertionVerifier(policy: policy, keys: keys) { assertion in
            Caller(
                principal: Principal(
                    kind: assertion.kind == .user ? .user : .service,
                    name: assertion.name,
                    subject: assertion.subject
                ),
                attributes: assertion.attributes,
                // An assertion is good for as long as a new request with it would be.
                expiresAt: Timestamp(seconds: assertion.expiresAt) + .seconds(policy.clockSkew),
                keyID: assertion.keyID,
                rules: rules
            )
        }
    }

    func update(keys: SigningKeys) {
        verifier.update(keys: keys)
        tellRules()
    }

    func update(bearers: BearerSnapshot) { self.bearers = bearers }

    /// Verdicts under the old policy are forgotten, and so are the callers made under it; those whom the new one refuses are out.
    func update(policy: AccessPolicy) {
        let old = verifier.policy
        guard policy != old else { return }
        verifier = Self.verifier(policy, keys: verifier.keys, rules)
        // Groups were read from another place, or not at all: nothing says whether the lists name those callers now.
        if policy.issuer != old.issuer || policy.wanted.groups != old.wanted.groups { rules.changedForAll() }
        tellRules()
    }

    /// Publishes the rules by which the verifier would judge a caller's assertion again: its key and the deny lists.
    private func tellRules() {
        let denied = verifier.policy.denied
        let keyIDs = verifier.keys.map { Set($0.keyIDs) }
        rules.changed { caller in
            let kind: VerifiedAssertion.Kind = caller.principal.kind == .service ? .service : .user
            return keyIDs?.contains(caller.keyID) ?? true
                && denied.list(
                    naming: kind,
                    caller.principal.name,
                    subject: caller.principal.subject,
                    groups: caller.attributes.groups
                ) == nil
        }
    }

    var cachedVerdicts: Int { verifier.cachedVerdicts }

    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict {
        switch verifier.verify(assertion, audiences: route.audiences, now: now.seconds) {
        case .verified(let verified):
            guard let attachment = verified.attachment else {
                preconditionFailure("the verifier attaches a caller to each assertion")
            }
            // The closure given to the verifier makes callers and nothing else.
            return .verified(unsafeDowncast(attachment, to: Caller.self))
        case .rejected(let rejection):
            return .refused(Reason(rejection))
        case .keysUnavailable:
            guard source.mayRenew() else { return .refused(.keysUnavailable) }
            wait { await $0.renew() }
            return .undecided
        case .unknownKey(let keyID):
            guard source.mayLookUp(keyID) else { return .refused(.assertionKeyUnknown) }
            wait { await $0.lookUp(keyID) }
            return .undecided
        }
    }

    func authenticate(bearer: UnsafeRawBufferPointer, now: Timestamp) -> AssertionVerdict {
        bearers.verdict(on: bearer, at: now)
    }

    func whenKeysSettle(_ callback: @escaping () -> Void) { waiting.append(callback) }

    private func wait(for refresh: @escaping @Sendable (SigningKeySource) async -> Bool) {
        let this = LoopBound(self, on: eventLoop)
        Task { [source, eventLoop] in
            _ = await refresh(source)
            // Keys that the look-up brought were handed to this loop before it returned, so they are here first.
            eventLoop.execute { this.value.settle() }
        }
    }

    private func settle() {
        let callbacks = waiting
        waiting = []
        for callback in callbacks { callback() }
    }
}

extension Reason {
    /// Both modules use the contract's words; a test holds them together.
    init(_ rejection: AssertionRejection) {
        self =
            switch rejection {
            case .missing: .assertionMissing
            case .duplicate: .assertionDuplicate
            case .malformed: .assertionMalformed
            case .algorithm: .assertionAlgorithm
            case .keyUnknown: .assertionKeyUnknown
            case .signature: .assertionSignature
            case .type: .assertionType
            case .issuer: .assertionIssuer
            case .audience: .assertionAudience
            case .expired: .assertionExpired
            case .notYetValid: .assertionNotYetValid
            case .tooOld: .assertionTooOld
            case .denied: .assertionDenied
            }
    }
}
