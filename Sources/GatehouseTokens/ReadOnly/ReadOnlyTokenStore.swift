package import Crypto
package import GatehouseCore

/// A store that Gatehouse asks for tokens by name and others write. It has one version of each, and no list: it is given the names that routes use, and a
/// secret that no route injects is never read.
package protocol ReadOnlyTokenStore: TokenStore {
    /// As the configuration names it.
    nonisolated var kind: String { get }
    /// The tokens that routes use, in order.
    nonisolated var names: [TokenName] { get }
    /// Drawn for each process: see ``Fingerprint``.
    nonisolated var fingerprinting: SymmetricKey { get }

    /// Throws when nothing can be read at all.
    func begin() async throws(TokenError)

    /// - Throws: ``TokenError`` `notFound`, `invalidValue`, `unavailable`.
    func token(_ name: TokenName) async throws(TokenError) -> TokenValue

    /// Where a token is read from, for who lists them.
    nonisolated func place(of name: TokenName) -> String

    /// The words on how an operator changes a token.
    nonisolated func advice(on name: TokenName) -> String
}

extension ReadOnlyTokenStore {
    package nonisolated var capabilities: TokenStoreCapabilities { [] }

    package func begin() async throws(TokenError) {}

    package func load() async throws(TokenError) -> TokenLoad {
        try await begin()
        var load = TokenLoad()
        for name in names {
            do throws(TokenError) {
                load.tokens[name] = try await token(name)
            } catch {
                load.problems.append(TokenProblem(name: name, error: error))
            }
        }
        return load
    }

    package func list() async throws(TokenError) -> [TokenSummary] {
        let load = try await load()
        let problems = Dictionary(load.problems.map { ($0.name, $0.error) }) { first, _ in first }
        return names.map { name in
            TokenSummary(
                name: name,
                version: 1,
                createdAt: nil,
                expiresAt: nil,
                fingerprint: load.tokens[name].map { Fingerprint(of: $0.secret, key: fingerprinting) },
                actor: "",
                note: place(of: name),
                problem: problems[name]
            )
        }
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        guard version ?? 1 == 1 else { throw TokenError(.versionNotFound, "the \(kind) store has no version but 1") }
        try await begin()
        return try await token(name)
    }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        throw refusal(name, "keeps no history")
    }

    package func set(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    {
        throw refusal(name, "cannot be written to")
    }

    package func rotate(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError)
        -> TokenSummary
    {
        throw refusal(name, "cannot be written to")
    }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        throw refusal(name, "keeps no old versions")
    }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        throw refusal(name, "keeps no old versions")
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        throw refusal(name, "cannot be written to")
    }

    private func refusal(_ name: TokenName, _ why: String) -> TokenError {
        TokenError(
            .unsupported,
            "the \(kind) store \(why)",
            hint: advice(on: name) + ", or move to a sqlite store with `gatehouse store migrate`"
        )
    }

    /// A token of the only version there is.
    func value(_ secret: Secret, from place: String) throws(TokenError) -> TokenValue {
        do throws(InvalidValue) {
            return try TokenValue(validating: secret, version: 1)
        } catch {
            throw TokenError(.invalidValue, "\(place): \(error.message)", underlying: error)
        }
    }
}
