internal import GatehouseCore
internal import GatehouseMCP

extension Exchange {
    /// Whether the credentials that opened the stream are still accepted under keys that came into force since.
    ///
    /// A holder of a leaked key can make the tag of anybody's session. Once the key has ended nothing opens under it, and open streams under it end:
    /// those of a session or of another value that was presented by it, and those without an end of their own that go on handing out tagged values.
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
