internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore
internal import SocketLoop

/// The caller that a verified assertion stands for on one event loop, with the attributes that the assertion has itself, and the identity behind it.
final class AssertedCaller: Sendable {
    let caller: Caller
    /// Nil for a caller whose identity is not asked for: a service has none.
    let identity: LoopBound<IdentityStanding>?

    init(_ caller: Caller, identity: LoopBound<IdentityStanding>? = nil) {
        self.caller = caller
        self.identity = identity
    }
}

/// The identity behind one assertion, as far as one event loop knows it. All times in seconds since 1970.
final class IdentityStanding {
    /// How much later than a request began its caller's identity may have come: longer counts as a clock that was set back, whose times say nothing.
    static let longestWait: Int64 = 60

    private enum State {
        case unasked
        case known(Caller, barred: Reason?, until: (fresh: Int64, usable: Int64))
        case failed(IdentityFailure, askAgainAt: Int64)
    }

    enum Judgement {
        case caller(Caller)
        case barred(Reason)
        case failed(IdentityFailure)
        /// Nothing is known, so the request waits.
        case unknown
    }

    private var state = State.unasked
    /// When the answer came that stands.
    private var since: Int64?
    /// Requests that wait for the answer; nil while none is asked for.
    var wait: AssertionWait?

    /// The judgement on a request, and whether it is time to ask.
    func judgement(at now: Int64) -> (judgement: Judgement, isOld: Bool) {
        guard since.map({ now >= $0 - Self.longestWait }) ?? true else { return (.unknown, true) }
        switch state {
        case .known(let caller, let barred, let until) where now < until.usable:
            return (barred.map { .barred($0) } ?? .caller(caller), now >= until.fresh)
        case .failed(let failure, let askAgainAt) where now < askAgainAt: return (.failed(failure), false)
        case .unasked, .known, .failed: return (.unknown, true)
        }
    }

    /// The answer has come.
    ///
    /// - Parameters:
    ///   - make: makes the caller that has these attributes.
    ///   - bars: why a caller with them is refused.
    func settled(
        _ outcome: IdentityOutcome,
        asserted: CallerAttributes,
        at now: Int64,
        make: (CallerAttributes) -> Caller,
        bars: (CallerAttributes) -> Reason?
    ) {
        var before: Caller?
        if case .known(let caller, _, _) = state { before = caller }
        since = now
        switch outcome {
        case .known(let answer, let until):
            let attributes = answer.over(asserted)
            let reason = bars(attributes)
            // Streams that were opened with more than is left, or by somebody who is denied now, end.
            if let before, reason != nil || !attributes.hasAll(of: before.attributes) { before.revoke() }
            let isSame = before.map { $0.attributes == attributes && !$0.isRevoked } ?? false
            let caller = isSame ? before : nil
            state = .known(caller ?? make(attributes), barred: reason, until: until)
        case .failed(let failure, let askAgainAt):
            if failure.isRefusal { before?.revoke() }
            state = .failed(failure, askAgainAt: askAgainAt)
        }
    }
}
