internal import GatehouseCore
internal import NIOCore

/// Step 3: the assertion, which tells who calls.
extension ClientConnection {
    func authenticate() -> ExchangeAction {
        guard let route = exchange?.route?.route else { preconditionFailure("a caller is established for a route") }
        switch parser.head.assertion {
        case .missing: return machine.authenticated(.refused(.assertionMissing))
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
            carryOut(machine.keysSettled())
            useInbound()
            flushIfNeeded()
        }
    }
}
