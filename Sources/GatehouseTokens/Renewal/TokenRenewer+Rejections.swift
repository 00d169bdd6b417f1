package import GatehouseCore
internal import Synchronization

/// Reports of event loops that an upstream rejected a version of a token.
extension TokenRenewer {
    /// An upstream answered 401 to a version: for event loops, so it returns at once.
    ///
    /// - Parameter answer: called once, on any thread, with another version as soon as there is one; with nil when there is none to be had, and
    ///   at the latest after ``patience``. Must not block.
    package nonisolated func rejected(
        _ key: GrantKey,
        version: Int,
        _ answer: @escaping @Sendable (TokenValue?) -> Void
    ) {
        let now = surroundings.uptime()
        let until = now + Self.patience
        let (isSettled, value) = published.withLock { published -> (Bool, TokenValue?) in
            if let value = published.value(of: key), value.version != version { return (true, value) }
            if let quiet = published.quiet[key], quiet.version == version, now < quiet.until { return (true, nil) }
            guard published.renews(key), published.waiting < Self.maximumWaiting, !published.isOver else {
                return (true, nil)
            }
            published.waiting += 1
            published.rejections.append(Rejection(key: key, version: version, until: until, answer: answer))
            return (false, nil)
        }
        if isSettled { answer(value) } else { waker.wake() }
    }

    func takeRejections() {
        let new = published.withLock { published in
            defer { published.rejections = [] }
            return published.rejections
        }
        let now = surroundings.uptime()
        for rejection in new { _ = entries[rejection.key]?.schedule.rejected(version: rejection.version, at: now) }
        waiting += new
    }

    /// Answers those whose token has another version now, or will not have one.
    func settle(isOver: Bool = false) {
        guard !waiting.isEmpty else { return }
        let now = surroundings.uptime()
        var still: [Rejection] = []
        var vain: [Rejection] = []
        for rejection in waiting {
            let known = published.withLock { $0.value(of: rejection.key) }
            let value = known.flatMap { $0.version != rejection.version ? $0 : nil }
            let isHopeful = entries[rejection.key]?.schedule.isUnderWay(at: now) ?? false
            if value == nil, isHopeful, now < rejection.until, !isOver {
                still.append(rejection)
            } else {
                if value == nil { vain.append(rejection) }
                rejection.answer(value)
            }
        }
        let settled = waiting.count - still.count
        waiting = still
        published.withLock { published in
            published.waiting -= settled
            published.quiet = published.quiet.filter { now < $0.value.until }
            for rejection in vain { published.quiet[rejection.key] = (rejection.version, now + Self.quietTime) }
        }
    }
}

extension TokenRenewer.Published {
    fileprivate func value(of key: GrantKey) -> TokenValue? {
        guard let owner = key.owner else { return tokens[key.token] }
        guard case .usable(let value, _)? = personal[key.token, owner] else { return nil }
        return value
    }

    fileprivate func renews(_ key: GrantKey) -> Bool {
        guard let owner = key.owner else { return states[key.token] != nil }
        guard case .usable(_, let renews)? = personal[key.token, owner] else { return false }
        return renews
    }
}
