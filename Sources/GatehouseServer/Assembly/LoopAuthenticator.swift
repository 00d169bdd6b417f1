internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import SocketLoop

/// Joins AccessIdentity to the data plane on one event loop: its verdicts become callers and reasons, and a key that it does not know, or the identity
/// of a caller whose groups are asked for, is looked up while the request waits.
final class LoopAuthenticator: AssertionAuthenticator {
    private var verifier: AssertionVerifier
    private var accessRules: AccessRules
    private let source: SigningKeySource
    private let eventLoop: EpollLoop
    private var bearers = BearerSnapshot()
    /// The rules by which callers are still admitted, for streams that were opened before a change.
    private let rules = CallerRules()
    /// The wait for the signing keys.
    private var keysWait = AssertionWait(orElse: .keysUnavailable)

    init(rules: AccessRules, source: SigningKeySource, eventLoop: EpollLoop) {
        self.source = source
        self.eventLoop = eventLoop
        accessRules = rules
        verifier = Self.verifier(rules, keys: nil, self.rules, eventLoop)
    }

    private static func verifier(
        _ accessRules: AccessRules,
        keys: SigningKeys?,
        _ rules: CallerRules,
        _ eventLoop: EpollLoop
    ) -> AssertionVerifier {
        let policy = accessRules.policy
        let fetchesIdentities = accessRules.identities != nil
        return AssertionVerifier(policy: policy, keys: keys) { assertion in
            let caller = Caller(
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
            guard fetchesIdentities, assertion.kind == .user else { return AssertedCaller(caller) }
            return AssertedCaller(caller, identity: LoopBound(IdentityStanding(), on: eventLoop))
        }
    }

    func update(keys: SigningKeys) {
        verifier.update(keys: keys)
        tellRules()
    }

    func update(bearers: BearerSnapshot) { self.bearers = bearers }

    /// Verdicts under the old rules are forgotten, and so are the callers made under them; those whom the new ones refuse are out.
    func update(rules new: AccessRules) {
        let old = accessRules
        accessRules = new
        guard new.policy != old.policy || !new.hasSameAttributes(as: old) else { return }
        verifier = Self.verifier(new, keys: verifier.keys, rules, eventLoop)
        // Groups were read from another place, or not at all: nothing says whether the lists name those callers now.
        if new.policy.issuer != old.policy.issuer || !new.readsGroups(as: old) { rules.changedForAll() }
        tellRules()
    }

    /// Publishes the rules by which the verifier would judge a caller's assertion again: its key and the deny lists.
    private func tellRules() {
        let denied = verifier.policy.denied
        let keyIDs = verifier.keys.map { Set($0.keyIDs) }
        rules.changed { caller in
            guard keyIDs?.contains(caller.keyID) ?? true else { return false }
            return denied.list(naming: caller, caller.attributes.groups) == nil
        }
    }

    var cachedVerdicts: Int { verifier.cachedVerdicts }

    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict {
        switch verifier.verify(assertion, audiences: route.audiences, now: now.seconds) {
        case .verified(let verified):
            guard let attachment = verified.attachment else {
                preconditionFailure("the verifier attaches a caller to each assertion")
            }
            // The closure given to the verifier makes these and nothing else.
            let asserted = unsafeDowncast(attachment, to: AssertedCaller.self)
            guard accessRules.knowsDenials else { return .barred(asserted.caller, .denialsUnavailable) }
            guard let identities = accessRules.identities, let standing = asserted.identity,
                identities.isNeeded(on: route, verifier.policy)
            else { return .verified(asserted.caller) }
            return verdict(on: asserted.caller, standing.value, identities, assertion, now.seconds)
        case .rejected(let rejection):
            return .refused(Reason(rejection))
        case .keysUnavailable:
            guard source.mayRenew() else { return .refused(.keysUnavailable) }
            wait { await $0.renew() }
            return .undecided(keysWait)
        case .unknownKey(let keyID):
            guard source.mayLookUp(keyID) else { return .refused(.assertionKeyUnknown) }
            wait { await $0.lookUp(keyID) }
            return .undecided(keysWait)
        }
    }

    func authenticate(bearer: UnsafeRawBufferPointer, now: Timestamp) -> AssertionVerdict {
        bearers.verdict(on: bearer, at: now)
    }

    private func wait(for refresh: @escaping @Sendable (SigningKeySource) async -> Bool) {
        let this = LoopBound(self, on: eventLoop)
        Task { [source, eventLoop] in
            _ = await refresh(source)
            // Keys that the look-up brought were handed to this loop before it returned, so they are here first.
            eventLoop.execute { this.value.settleKeys() }
        }
    }

    private func settleKeys() {
        let wait = keysWait
        keysWait = AssertionWait(orElse: .keysUnavailable)
        wait.settle()
    }
}

// MARK: - Identities

extension LoopAuthenticator {
    private func verdict(
        on caller: Caller,
        _ standing: IdentityStanding,
        _ identities: AccessRules.Identities,
        _ assertion: UnsafeRawBufferPointer,
        _ now: Int64
    ) -> AssertionVerdict {
        let (judgement, isOld) = standing.judgement(at: now)
        if isOld, standing.wait == nil { ask(about: caller, standing, identities, assertion) }
        switch judgement {
        case .caller(let known): return .verified(known)
        case .barred(let reason): return .barred(caller, reason)
        case .failed(let failure) where failure.isRefusal: return .barred(caller, .identityRefused)
        case .failed:
            // Without groups nothing says whether a deny list names the caller.
            let goesOn = identities.settings.onFailure == .assertion && verifier.policy.denied.groups.isEmpty
            return goesOn ? .verified(caller) : .barred(caller, .identityUnavailable)
        case .unknown:
            guard let wait = standing.wait else { preconditionFailure("what is not known is asked for") }
            return .undecided(wait)
        }
    }

    private func ask(
        about caller: Caller,
        _ standing: IdentityStanding,
        _ identities: AccessRules.Identities,
        _ assertion: UnsafeRawBufferPointer
    ) {
        standing.wait = AssertionWait(orElse: .identityUnavailable)
        let signIn = SignIn(caller.principal, nonce: caller.attributes.nonce, assertion)
        let (secret, denied) = (Secret(assertion), verifier.policy.denied)
        let bound = LoopBound((standing, rules), on: eventLoop)
        Task { [source = identities.source, eventLoop] in
            let outcome = await source.identity(of: signIn, secret)
            eventLoop.execute {
                let (standing, rules) = bound.value
                standing.settled(
                    outcome,
                    asserted: caller.attributes,
                    at: SystemClock().now().seconds,
                    make: { caller.having($0, rules) },
                    bars: { denied.list(naming: caller, $0.groups) == nil ? nil : .assertionDenied }
                )
                standing.wait.take()?.settle()
            }
        }
    }
}

extension AccessPolicy.Denied {
    fileprivate func list(naming caller: Caller, _ groups: [String]) -> List? {
        let kind: VerifiedAssertion.Kind = caller.principal.kind == .service ? .service : .user
        return list(naming: kind, caller.principal.name, subject: caller.principal.subject, groups: groups)
    }
}

extension CallerAttributes {
    /// The name of the session behind the assertion; nil for one that has none, or not one.
    fileprivate var nonce: String? {
        guard let texts = claims[AccessAssembly.nonceClaim], texts.count == 1 else { return nil }
        return texts[0]
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
