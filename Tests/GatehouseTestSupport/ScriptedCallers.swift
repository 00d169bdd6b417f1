package import GatehouseCore
package import SocketLoop

/// The callers that the assertions of a test stand for. Shared by the authenticators of all event loops.
package final class ScriptedCallers: Sendable {
    package enum Verdict: Sendable {
        case caller(Caller)
        case refused(Reason)
    }

    struct State {
        var verdicts: [String: Verdict] = [:]
        /// Undecided at first; the verdict once the keys have settled.
        var undecided: [String: Verdict] = [:]
        var settle: [@Sendable () -> Void] = []
        /// Requests that wait for keys.
        var waiting = 0
    }

    let state = Watched(State())

    package init() {
        self["alice"] = .caller(Self.person("alice@example.com"))
        self["bob"] = .caller(Self.person("bob@example.com"))
        self["forged"] = .refused(.assertionSignature)
    }

    package static func person(_ name: String, expiresAt: Timestamp = Timestamp(seconds: 4_102_444_800)) -> Caller {
        Caller(principal: Principal(kind: .user, name: name, subject: "sub-\(name)"), expiresAt: expiresAt, keyID: "k1")
    }

    package subscript(assertion: String) -> Verdict? {
        get { state.read { $0.verdicts[assertion] } }
        set { state.update { $0.verdicts[assertion] = newValue } }
    }

    package func leaveUndecided(_ assertion: String, then verdict: Verdict) {
        state.update { $0.undecided[assertion] = verdict }
    }

    package func waitUntilUndecided(_ count: Int = 1) throws {
        try state.wait("an undecided caller") { $0.waiting >= count }
    }

    /// Ends the key refresh that undecided requests wait for.
    package func settleKeys() {
        let settle = state.update { state in
            state.verdicts.merge(state.undecided) { $1 }
            state.undecided = [:]
            return state.settle
        }
        for each in settle { each() }
    }

    /// Releases the event loops, which this would keep alive in a cycle.
    package func forget() { state.update { $0.settle = [] } }

    /// The authenticator of one event loop.
    package func authenticator(on eventLoop: EpollLoop) -> any AssertionAuthenticator {
        let authenticator = ScriptedAuthenticator(self)
        let bound = LoopBound(authenticator, on: eventLoop)
        state.update { $0.settle.append { eventLoop.execute { bound.value.settle() } } }
        return authenticator
    }
}

private final class ScriptedAuthenticator: AssertionAuthenticator {
    private let script: ScriptedCallers
    private var wait: AssertionWait?

    init(_ script: ScriptedCallers) { self.script = script }

    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict {
        let text = String(decoding: assertion, as: UTF8.self)
        if script.state.read({ $0.undecided[text] != nil }) {
            script.state.update { $0.waiting += 1 }
            let wait = wait ?? AssertionWait(orElse: .keysUnavailable)
            self.wait = wait
            return .undecided(wait)
        }
        return script.state.read { state in
            switch state.verdicts[text] {
            case .caller(let caller): return now < caller.expiresAt ? .verified(caller) : .refused(.assertionExpired)
            case .refused(let reason): return .refused(reason)
            case nil: return .refused(.assertionMalformed)
            }
        }
    }

    /// Bearers of a test stand in the same list, under `gh_`.
    func authenticate(bearer: UnsafeRawBufferPointer, now: Timestamp) -> AssertionVerdict {
        let text = String(decoding: bearer, as: UTF8.self)
        return script.state.read { state in
            switch state.verdicts[text] {
            case .caller(let caller) where text.hasPrefix("gh_"): .verified(caller)
            case .refused(let reason): .refused(reason)
            case .caller, nil: .refused(.bearerUnknown)
            }
        }
    }

    func settle() { wait.take()?.settle() }
}
