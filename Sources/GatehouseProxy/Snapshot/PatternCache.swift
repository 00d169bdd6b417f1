internal import GatehouseCore

/// The patterns that one event loop made last. Direct-mapped: making them takes as long as a signature check, and one version of a token serves
/// thousands of requests.
///
/// A place holds the objects that it is found by, so that the address of none can become another's; so a loop forgets those of tokens that may have been
/// replaced.
struct PatternCache {
    private struct Entry {
        let shared: [Secret]
        let own: Secret?
        /// The caller with whose assertion they were made, if it is one of the secrets.
        let caller: Caller?
        let patterns: SecretPatterns?

        func holds(_ shared: [Secret], _ own: Secret?, _ caller: Caller?) -> Bool {
            self.own === own && self.caller === caller && self.shared.count == shared.count
                && zip(self.shared, shared).allSatisfy { $0 === $1 }
        }
    }

    /// Beyond as many routes, or persons with a token of their own, the patterns of one take the place of another's.
    private var entries: [Entry?] = Array(repeating: nil, count: CachePlace.count)

    mutating func forgetPersonal() {
        for place in entries.indices where entries[place]?.own != nil { entries[place] = nil }
    }

    /// - Parameters:
    ///   - own: the caller's own token.
    ///   - assertion: the caller's, if the upstream is given it.
    /// - Returns: nil when there is nothing to look for.
    mutating func patterns(
        _ route: PreparedRoute,
        own: Secret?,
        _ caller: Caller,
        assertion: () -> Secret?
    ) -> SecretPatterns? {
        let caller = route.route.forwardsAssertion ? caller : nil
        let place =
            caller.map { CachePlace.of($0) } ?? own.map { CachePlace.of($0) } ?? CachePlace.of(UInt64(route.index))
        if let known = entries[place], known.holds(route.secrets, own, caller) { return known.patterns }
        let secrets = route.secrets + [own, assertion()].compactMap { $0 }
        let patterns = SecretPatterns(secrets)
        entries[place] = Entry(shared: route.secrets, own: own, caller: caller, patterns: patterns)
        return patterns
    }
}
