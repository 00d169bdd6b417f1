internal import GatehouseCore
internal import GatehouseMCP

extension Exchange {
    /// Whether what opened the stream is still taken, by keys that came into force since.
    ///
    /// Who has a key that leaked can make the tag of anybody's session. Once it has ended nothing opens under it, and what is open ends: a
    /// session or anything else that was presented by it, and a stream without an end of its own that goes on handing out what it makes.
    func isOpened(by keys: SessionTags) -> Bool {
        guard let route = route?.route, route.speech == .mcp, let caller else { return true }
        if let session = session.bound {
            let isTaken = session.tagged.withUnsafeBytes {
                keys.accepts($0, route: route.name, principal: caller.principal)
            }
            guard isTaken else { return false }
        }
        if call.owned.isUnderOlderKey, !keys.keepAll(of: tags) { return false }
        return endsByItself && call.owned.cuts.isEmpty || keys.keepCurrent(of: tags)
    }
}
