internal import GatehouseCore

/// Step 6: the upstream's own credential, rendered into the header fields that the route injects.
extension ClientConnection {
    func provideToken() -> ExchangeAction {
        guard let route = exchange?.route, let caller = exchange?.caller else {
            preconditionFailure("fields are injected for an authorized caller")
        }
        var assertion: ByteRange?
        if case .one(let range) = parser.head.assertion { assertion = range }
        exchange?.injected = withHeadBytes(assertion) { route.injected.lines(for: caller.principal, $0) }
        return machine.tokenProvided(exchange?.injected != nil)
    }
}
