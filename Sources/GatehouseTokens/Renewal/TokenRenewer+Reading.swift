internal import GatehouseCore
internal import Synchronization

/// The way of grants from the store to the requests that send their tokens.
extension TokenRenewer {
    func readIfChanged() async {
        let seeds = seeds()
        let digests = entries.reduce(into: [TokenName: SeedDigest]()) { digests, entry in
            guard entry.key.owner == nil, entry.value.issuer?.needsSeed == true, let value = seeds[entry.key.token]
            else { return }
            digests[entry.key.token] = SeedDigest(of: value.secret)
        }
        do throws(TokenError) {
            let stamp = try await store.changeStamp()
            readAt = surroundings.uptime()
            guard stamp == nil || stamp != self.stamp || digests != seen else { return }
            take(try await store.grants(beyond: revisions), digests)
            self.stamp = stamp
            seen = digests
            published.withLock { $0.problem = nil }
        } catch {
            published.withLock { $0.problem = error }
        }
    }

    private func take(_ load: GrantLoad, _ digests: [TokenName: SeedDigest]) {
        for (key, revision) in load.revisions where revisions[key] != revision && personal[key.token] != nil {
            takePersonal(key, load.grants[key])
        }
        for (key, problem) in load.problems where entries[key] != nil {
            entries[key]?.state.problem = problem.message
            entries[key]?.state.hint = problem.hint
            // A row that cannot be trusted any more ends the personal token: it is not known whether its owner has taken it back.
            if key.owner != nil { removePersonal(key) }
        }
        for key in entries.keys where key.owner == nil && load.problems[key] == nil {
            takeShared(key, load, digests[key.token])
        }
        revisions = load.revisions
    }

    private func takeShared(_ key: GrantKey, _ load: GrantLoad, _ seed: SeedDigest?) {
        guard var entry = entries[key] else { return }
        let isNew = revisions[key] == nil || revisions[key] != load.revisions[key]
        if isNew {
            let record = load.grants[key]
            entry.kept = record?.kept
            if case .needsConnecting(let why, _, _)? = record?.kept, why == entry.state.problem {
                // The hint stands with it.
            } else if record?.version ?? 0 != entry.state.version {
                (entry.state.problem, entry.state.hint) = (record?.failure, nil)
            }
            entry.state.version = record?.version ?? 0
        }
        schedule(&entry, seed)
        entries[key] = entry
    }

    /// - Parameter record: nil for one that was taken back.
    private func takePersonal(_ key: GrantKey, _ record: GrantRecord?) {
        guard key.owner != nil else {
            if case .client(let client)? = record?.kept {
                clients[key.token] = client
            } else {
                clients[key.token] = nil
            }
            return
        }
        hasNewPersonal = true
        guard let record else { return removePersonal(key) }
        var entry = entries[key] ?? Entry(nil, isPersonal: true)
        entry.kept = record.kept
        entry.state.version = record.version
        entry.state.problem = record.failure
        entry.issuer = nil
        if case .usable(let grant) = record.kept, grant.refresh != nil, let server = grant.person?.server {
            entry.issuer = personal[key.token]?.issuer(server, clients[key.token])
        }
        schedule(&entry, nil)
        entries[key] = entry
    }

    private func removePersonal(_ key: GrantKey) {
        hasNewPersonal = true
        // The renewal under way is told by the store that its lease is gone.
        entries[key] = nil
    }

    private func schedule(_ entry: inout Entry, _ seed: SeedDigest?) {
        entry.schedule.read(
            entry.kept,
            version: entry.state.version,
            seed: seed,
            at: surroundings.uptime(),
            wall: surroundings.wall.now(),
            jitter: surroundings.jitter()
        )
        switch entry.kept {
        case .usable(let grant)?:
            (entry.state.issuedAt, entry.state.expiresAt) = (grant.issuedAt, grant.expiresAt)
            entry.value = try? TokenValue(validating: grant.access, version: entry.state.version)
        case .needsConnecting(let why, _, _)?:
            (entry.state.issuedAt, entry.state.expiresAt, entry.value) = (nil, nil, nil)
            entry.state.problem = why
        case .client?, nil: (entry.state.issuedAt, entry.state.expiresAt, entry.value) = (nil, nil, nil)
        }
    }

    // MARK: - Handing on

    func handOn() {
        let now = surroundings.uptime()
        let wall = surroundings.wall.now()
        var tokens: [TokenName: TokenValue] = [:]
        var states: [TokenName: RenewalState] = [:]
        for index in entries.values.indices {
            let isServed = entries.values[index].value != nil && !entries.values[index].schedule.hasEnded(at: now)
            let isPersonal = entries.keys[index].owner != nil
            if isPersonal, entries.values[index].state.isServed != isServed { hasNewPersonal = true }
            entries.values[index].state.isServed = isServed
            guard !isPersonal else { continue }
            let entry = entries.values[index]
            let name = entries.keys[index].token
            if isServed { tokens[name] = entry.value }
            entries.values[index].state.word = entry.schedule.state
            entries.values[index].state.renewsAt = entry.schedule.dueAt.map { wall + ($0 - now) }
            states[name] = entries.values[index].state
        }
        // Told first: who reads another version here finds it wherever it was handed on.
        if published.withLock({ $0.tokens != tokens }) { listeners.onChange(tokens) }
        published.withLock { ($0.tokens, $0.states) = (tokens, states) }
        handOnPersonal(at: now)
    }

    private func handOnPersonal(at now: Duration) {
        guard !personal.isEmpty else { return }
        let isRead = readAt.map { now - $0 <= maxStale } ?? false
        guard hasNewPersonal || isRead != published.withLock({ $0.personal.isRead }) else { return }
        hasNewPersonal = false
        var all: PersonalTokens.Entries = [:]
        for (key, entry) in entries {
            guard let owner = key.owner else { continue }
            all[key.token, default: [:]][owner] = Self.served(entry)
        }
        let new = PersonalTokens(isRead ? all : [:], isRead: isRead)
        listeners.onPersonal(new)
        published.withLock { $0.personal = new }
    }

    private static func served(_ entry: Entry) -> PersonalTokens.Entry {
        if entry.state.isServed, let value = entry.value { return .usable(value, renews: entry.issuer != nil) }
        // One that has ended is renewed as soon as its server answers.
        return entry.issuer != nil ? .unavailable : .needsConnecting
    }
}
