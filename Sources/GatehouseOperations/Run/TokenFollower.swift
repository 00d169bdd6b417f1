package import GatehouseConfig
package import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Synchronization

/// `gatehouse token follow`: keeps a file at what a token of a store is, for a program that must not reach the store.
package struct TokenFollower: Sendable {
    private let configuration: Configuration
    private let store: any TokenStore
    private let token: TokenName
    private let path: String

    /// - Parameter path: the file; its folder is there.
    package init(_ configuration: Configuration, store: StoreSettings, token: TokenName, path: String) throws {
        self.configuration = configuration
        self.store = try RenewalAssembly.served(
            StoreAssembly.store(store, names: configuration.tokenNames.union([token])),
            configuration
        )
        self.token = token
        self.path = path
    }

    /// Writes the token, says so, and writes it again whenever it changes, until cancelled. A token that is deleted, or a store that cannot be read, leaves the
    /// file as it is.
    ///
    /// - Throws: when the store cannot be read, has no such token, or the file cannot be written at first.
    package func run(say: @escaping @Sendable (String) -> Void) async throws {
        let load = try await store.load()
        if let problem = load.problems.first(where: { $0.name == token }) { throw problem.error }
        guard let first = load.tokens[token] else {
            throw GatehouseError(.unusable, "the store has no token '\(token)'", hint: "gatehouse token list")
        }
        try TokenFile.write(first.secret, to: path)
        say("token '\(token)' version \(first.version) is in \(path)")
        let current = Mutex(first)
        let refresher = TokenRefresher(
            store: store,
            refresh: configuration.storeRefresh,
            // The file has the value anyway.
            maxStale: Configuration.storeMaxStaleRange.upperBound,
            onChange: { [token, path] snapshot in
                guard let new = snapshot.tokens[token] else {
                    return say("token '\(token)' is gone: \(path) keeps its last value")
                }
                guard
                    current.withLock({ current in
                        defer { current = new }
                        return new != current
                    })
                else { return }
                do throws(GatehouseError) {
                    try TokenFile.write(new.secret, to: path)
                    say("token '\(token)' version \(new.version) is in \(path)")
                } catch {
                    say(error.message)
                }
            }
        )
        await refresher.run()
    }
}
