internal import GatehouseCore
internal import SocketLoop

/// An upstream rejected a token that renews itself: the request, of which all is kept, is sent once more with a newer version.
extension ClientConnection {
    func awaitToken() -> ExchangeAction {
        guard let exchange, let token = exchange.renewed else {
            preconditionFailure("a token is renewed for the route that injects it")
        }
        link.takeConnection()?.close()
        // Another request may have fetched the newer token before.
        if takeNewerToken() { return machine.tokenRenewed(true) }
        let waiting = LoopBound(self, on: loop.eventLoop)
        loop.renewal(token.name, token.owner, token.version) { [awaited = exchange.id] in
            waiting.loop.execute { waiting.value.tokenStays(awaited) }
        }
        return .wait
    }

    /// A new snapshot came into force.
    func snapshotReplaced() {
        guard machine.isAwaitingToken, takeNewerToken() else { return }
        goOn(machine.tokenRenewed(true))
    }

    /// No newer version comes.
    private func tokenStays(_ awaited: RequestID) {
        guard exchange?.id == awaited else { return }
        goOn(machine.tokenRenewed(false))
    }

    private func goOn(_ action: ExchangeAction) {
        carryOut(action)
        useInbound()
        flushIfNeeded()
    }

    /// Puts the token's newer version into the kept request. The request goes on under the snapshot that holds it, provided that this snapshot
    /// lets the same callers through to the same upstream: the decision stands then.
    ///
    /// - Returns: false while the rejected version is the newest.
    private func takeNewerToken() -> Bool {
        guard let exchange, let caller = exchange.caller, let route = exchange.route, let rejected = exchange.renewed,
            let next = loop.snapshot.successor(of: route), let old = exchange.injected
        else { return false }
        var own: Secret?
        if let owner = rejected.owner {
            guard next.personal?.token == rejected.name,
                case .usable(let value, let renews)? = loop.personal[rejected.name, owner],
                value.version > rejected.version
            else { return false }
            own = value.secret
            exchange.personal = PersonalUse(
                token: rejected.name,
                owner: owner,
                given: .own(version: value.version, renews: renews)
            )
        } else {
            guard let token = next.renewed, token.name == rejected.name, token.version > rejected.version else {
                return false
            }
        }
        guard let new = next.injected.lines(for: caller, token: own) else { return false }
        link.inject(new, inPlaceOf: old)
        lookForSecrets(exchange, on: next, caller, own: own)
        exchange.resumes(under: loop.snapshot, on: next, injecting: new)
        return true
    }
}
