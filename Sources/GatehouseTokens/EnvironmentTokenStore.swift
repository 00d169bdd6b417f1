internal import Crypto
package import GatehouseCore

/// Tokens in environment variables: the first phase, read-only. The token `coda` is `$CODA_API_TOKEN`, or the variable that the configuration
/// maps it to.
///
/// The environment cannot be listed by token, so the store is given the names that routes use.
package struct EnvironmentTokenStore: TokenStore {
    package let capabilities: TokenStoreCapabilities = []

    /// The variable of each token.
    package let variables: [TokenName: String]
    private let read: @Sendable (SecretSource) throws(InvalidValue) -> Secret
    // Drawn for each process: see Fingerprint.
    private let fingerprinting = SymmetricKey(size: .bits256)

    /// - Parameters:
    ///   - names: the tokens that routes use.
    ///   - variables: the `variables` of the configuration; they come before the rule.
    ///   - read: reads a variable. For tests.
    /// - Throws: ``TokenError`` `configuration` when the rule gives two names one variable: which of them it means is not a guess to make.
    package init(
        names: some Sequence<TokenName>,
        variables: [TokenName: String] = [:],
        read: @escaping @Sendable (SecretSource) throws(InvalidValue) -> Secret = { source throws(InvalidValue) in
            try source.read()
        }
    ) throws(TokenError) {
        var all = variables
        var owners: [String: TokenName] = [:]
        for name in Set(names).sorted() where variables[name] == nil {
            let variable = Self.variable(for: name)
            if let other = owners.updateValue(name, forKey: variable) {
                throw TokenError(
                    .configuration,
                    "the tokens '\(other)' and '\(name)' would both be $\(variable)",
                    hint: "name their variables: variables: { \(name): MY_VARIABLE }"
                )
            }
            all[name] = variable
        }
        self.variables = all
        self.read = read
    }

    /// The name in upper case, every other byte than a letter or digit as `_`, and `_API_TOKEN`.
    package static func variable(for name: TokenName) -> String {
        let stem = name.text.utf8.map { byte in
            byte.isASCIILetter ? byte & 0xDF : byte.isASCIIDigit ? byte : UInt8(ascii: "_")
        }
        return String(decoding: stem, as: UTF8.self) + "_API_TOKEN"
    }

    /// The variable that a token is read from, also one that no route uses.
    package func variable(of name: TokenName) -> String { variables[name] ?? Self.variable(for: name) }

    package func load() async throws(TokenError) -> TokenLoad {
        var load = TokenLoad()
        for name in variables.keys.sorted() {
            do throws(TokenError) {
                load.tokens[name] = try token(name)
            } catch {
                load.problems.append(TokenProblem(name: name, error: error))
            }
        }
        return load
    }

    package func list() async throws(TokenError) -> [TokenSummary] {
        var list: [TokenSummary] = []
        for name in variables.keys.sorted() {
            var fingerprint: Fingerprint?
            var problem: TokenError?
            do throws(TokenError) {
                fingerprint = Fingerprint(of: try token(name).secret, key: fingerprinting)
            } catch {
                problem = error
            }
            list.append(
                TokenSummary(
                    name: name,
                    version: 1,
                    createdAt: nil,
                    expiresAt: nil,
                    fingerprint: fingerprint,
                    actor: "",
                    note: variables[name].map { "$\($0)" } ?? "",
                    problem: problem
                )
            )
        }
        return list
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        guard version ?? 1 == 1 else {
            throw TokenError(.versionNotFound, "an environment variable has no version but 1")
        }
        return try token(name)
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

    // MARK: -

    private func token(_ name: TokenName) throws(TokenError) -> TokenValue {
        let variable = variable(of: name)
        let secret: Secret
        do throws(InvalidValue) {
            secret = try read(.environment(variable))
        } catch {
            throw TokenError(
                .notFound,
                error.message,
                hint: "set \(variable) where Gatehouse is started",
                underlying: error
            )
        }
        do throws(InvalidValue) {
            return try TokenValue(validating: secret, version: 1)
        } catch {
            throw TokenError(.invalidValue, "$\(variable): \(error.message)", underlying: error)
        }
    }

    private func refusal(_ name: TokenName, _ why: String) -> TokenError {
        let variable = variable(of: name)
        return TokenError(
            .unsupported,
            "the env store \(why)",
            hint: "change \(variable) where Gatehouse is started and restart it, or move to a sqlite store with "
                + "`gatehouse store migrate`"
        )
    }
}
