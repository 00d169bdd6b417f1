internal import GatehouseCore
internal import GatehouseMCP

/// A session that was found to be a caller's.
final class BoundSession {
    let caller: Caller
    let route: Route
    /// The id as the client has it: the upstream's with its tag.
    let tagged: [UInt8]
    /// The audit's name for it.
    let hash: [UInt8]
    /// Whether its client opens addresses for its user.
    let opensAddresses: Bool

    init(_ tagged: UnsafeRawBufferPointer, _ caller: Caller, _ route: Route, opensAddresses: Bool) {
        self.opensAddresses = opensAddresses
        self.tagged = Array(tagged)
        self.caller = caller
        self.route = route
        hash = SessionTags.hash(of: tagged)
    }

    func isOf(_ caller: Caller, _ route: Route, _ presented: UnsafeRawBufferPointer) -> Bool {
        self.caller === caller && self.route === route && tagged.count == presented.count
            && tagged.withUnsafeBytes { $0.elementsEqual(presented) }
    }

    /// The tag, when the session is the upstream's one of this id.
    func tag(of id: UnsafeRawBufferPointer) -> ArraySlice<UInt8>? {
        let count = tagged.count - SessionTags.length
        return count == id.count && tagged[..<count].elementsEqual(id) ? tagged[count...] : nil
    }
}

/// The findings of one event loop about the callers it saw last: whether sessions are theirs, which costs an HMAC, and what
/// routes permit them. Direct-mapped; a caller that meets an occupied place takes it over.
///
/// Places hold the objects that they are found by, so that the address of none can become another's.
struct CallerCaches {
    private var sessions: [BoundSession?] = Array(repeating: nil, count: CachePlace.count)
    private var permits: [(caller: Caller, route: Route, permits: Permits)?] =
        Array(repeating: nil, count: CachePlace.count)
    let tags: SessionTags

    init(_ tags: SessionTags) { self.tags = tags }

    /// - Returns: nil when the session is not this caller's on this route.
    mutating func session(_ tagged: UnsafeRawBufferPointer, of caller: Caller, on route: Route) -> BoundSession? {
        // The last bytes are a tag, as good as random.
        guard tagged.count > SessionTags.length else { return nil }
        let last = tagged.loadUnaligned(fromByteOffset: tagged.count - 8, as: UInt64.self)
        let place = CachePlace.of(last)
        if let known = sessions[place], known.isOf(caller, route, tagged) { return known }
        let isPlain = tags.accepts(tagged, route: route.name, principal: caller.principal)
        guard isPlain || tags.acceptsOpening(tagged, route: route.name, principal: caller.principal) else { return nil }
        let session = BoundSession(tagged, caller, route, opensAddresses: !isPlain)
        sessions[place] = session
        return session
    }

    mutating func permits(of caller: Caller, on route: Route) -> Permits {
        let place = CachePlace.of(caller, route)
        if let known = permits[place], known.caller === caller, known.route === route { return known.permits }
        let found = Permits(route.policy, of: caller.principal, caller.attributes)
        permits[place] = (caller, route, found)
        return found
    }
}
