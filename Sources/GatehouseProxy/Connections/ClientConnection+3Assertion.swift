internal import GatehouseCore
internal import NIOCore

/// Step 3: the assertion, which tells who calls.
extension ClientConnection {
    func authenticate() -> ExchangeAction {
        guard let prepared = exchange?.route else { preconditionFailure("a caller is established for a route") }
        let route = prepared.route
        switch parser.head.assertion {
        case .missing: return authenticateBearer(for: route)
        case .duplicate: return machine.authenticated(.refused(.assertionDuplicate))
        case .one(let range):
            let now = exchange?.startedAt ?? loop.clock.now()
            switch withHeadBytes(range, { loop.authenticator.authenticate($0, for: route, now: now) }) {
            case .verified(let caller):
                exchange?.caller = caller
                return machine.authenticated(.verified)
            case .refused(let reason): return machine.authenticated(.refused(reason))
            case .undecided: return machine.authenticated(.undecided)
            }
        }
    }

    func awaitKeys() {
        let awaited = exchange?.id
        loop.authenticator.whenKeysSettle { [self] in
            guard exchange?.id == awaited else { return }
            exchange?.snapshot = loop.snapshot
            exchange?.heldAgainst = loop.snapshot
            carryOut(machine.keysSettled())
            useInbound()
            flushIfNeeded()
        }
    }
}
