package import GatehouseCore

/// The tokens of a store without refresh tokens that nothing declares any more: values that somebody set for a token that renewed itself, and whose entry
/// has left `tokens` since. Each has a grant whose mark says that it came of this value, and none of them is for an upstream.
package struct WithheldSeeds: TokenStore {
    package var capabilities: TokenStoreCapabilities { store.capabilities }

    private let store: any TokenStore
    private let states: [SealedTokenStore]
    private let declared: Set<TokenName>

    /// - Parameters:
    ///   - states: stores with grants. One that cannot be read withholds nothing, unless it is the store itself.
    ///   - declared: names of the tokens that renew themselves.
    package init(_ store: any TokenStore, states: [SealedTokenStore], declared: Set<TokenName>) {
        self.store = store
        self.states = states
        self.declared = declared
    }

    package func load() async throws(TokenError) -> TokenLoad {
        var load = try await store.load()
        for state in states {
            guard let grants = try? await state.sharedGrants() else { continue }
            load = load.withholding(seedsOf: grants, except: declared)
        }
        return load
    }

    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? { try await store.changeStamp() }
    package func watch(_ changed: @escaping @Sendable () -> Void) async { await store.watch(changed) }
    package func list() async throws(TokenError) -> [TokenSummary] { try await store.list() }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        try await store.history(of: name)
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        guard version == nil else { return try await store.value(of: name, version: version) }
        let load = try await load()
        if let problem = load.problems.first(where: { $0.name == name }) { throw problem.error }
        guard let value = load.tokens[name] else { throw .notFound(name) }
        return value
    }

    package func set(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    { try await store.set(name, to: value, change) }

    package func rotate(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    { try await store.rotate(name, to: value, change) }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary { try await store.rollback(name, from: version, change) }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        try await store.predecessor(of: name, version: version)
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        try await store.delete(name, change)
    }
}

extension TokenLoad {
    /// Without the values that some grant began with. Where a grant cannot be opened, its token's value may be one.
    package func withholding(seedsOf grants: GrantLoad, except declared: Set<TokenName>) -> TokenLoad {
        var load = self
        func withhold(_ name: TokenName) {
            guard load.tokens.removeValue(forKey: name) != nil else { return }
            load.dates[name] = nil
            let error = TokenError(
                .configuration,
                "the value of '\(name)' is a refresh token, and nothing under 'tokens' says so any more: it is not sent",
                hint:
                    "put the entry of '\(name)' back, or end it: gatehouse token delete \(name), then set a token that is one"
            )
            load.problems.append(TokenProblem(name: name, error: error))
        }
        for (key, record) in grants.grants where key.owner == nil && !declared.contains(key.token) {
            guard let value = load.tokens[key.token], record.kept.seed == SeedDigest(of: value.secret) else { continue }
            withhold(key.token)
        }
        for key in grants.problems.keys where key.owner == nil && !declared.contains(key.token) { withhold(key.token) }
        return load
    }
}
