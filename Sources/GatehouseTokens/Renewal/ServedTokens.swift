package import GatehouseCore

/// The tokens of a store as they are sent: those that renew themselves as their last grant gave them, instead of what they begin with. To be read
/// only, by who asks or runs something with them and renews nothing.
package struct ServedTokens: TokenStore {
    package let capabilities: TokenStoreCapabilities = []

    private let store: any TokenStore
    private let state: SealedTokenStore
    private let names: Set<TokenName>
    private let clock: any WallClock

    /// - Parameters:
    ///   - state: where grants are kept.
    ///   - names: of the tokens that renew themselves.
    package init(
        _ store: any TokenStore,
        state: SealedTokenStore,
        names: Set<TokenName>,
        clock: any WallClock = SystemClock()
    ) {
        self.store = store
        self.state = state
        self.names = names
        self.clock = clock
    }

    package func load() async throws(TokenError) -> TokenLoad {
        try await store.load().serving(try await state.sharedGrants(), of: names, at: clock.now())
    }

    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? {
        guard let one = try await store.changeStamp(), let other = try await state.changeStamp() else { return nil }
        return TokenChangeStamp(one.bytes + other.bytes)
    }

    package func watch(_ changed: @escaping @Sendable () -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await store.watch(changed) }
            group.addTask { await state.watch(changed) }
        }
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        guard let value = try await load().tokens[name] else { throw .notFound(name) }
        return value
    }

    package func list() async throws(TokenError) -> [TokenSummary] { try await store.list() }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        try await store.history(of: name)
    }

    package func set(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    { throw Self.isRead }

    package func rotate(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    { throw Self.isRead }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary { throw Self.isRead }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        throw Self.isRead
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) { throw Self.isRead }

    private static var isRead: TokenError { TokenError(.unsupported, "this view of the store is only read") }
}

extension TokenLoad {
    /// With what the named tokens were given last instead of what they begin with.
    package func serving(_ grants: GrantLoad, of names: Set<TokenName>, at now: Timestamp) -> TokenLoad {
        guard !names.isEmpty else { return self }
        var load = self
        load.problems.removeAll { names.contains($0.name) }
        for name in names {
            load.tokens[name] = nil
            load.dates[name] = nil
            if let error = grants.problems[GrantKey(name)] {
                load.problems.append(TokenProblem(name: name, error: error))
            }
            guard let record = grants.grants[GrantKey(name)], case .usable(let grant) = record.kept,
                grant.expiresAt.map({ $0 > now }) ?? true
            else { continue }
            load.tokens[name] = try? TokenValue(validating: grant.access, version: record.version)
            load.dates[name] = TokenDates(createdAt: grant.issuedAt, expiresAt: grant.expiresAt)
        }
        return load
    }
}
