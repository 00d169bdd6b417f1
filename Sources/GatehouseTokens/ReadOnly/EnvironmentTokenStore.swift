package import Crypto
package import GatehouseCore

/// Tokens in environment variables: the first phase, read-only. The token `coda` is `$CODA_API_TOKEN`, or the variable that the configuration
/// maps it to.
package struct EnvironmentTokenStore: ReadOnlyTokenStore {
    package let kind = "env"

    /// The variable of each token.
    package let variables: [TokenName: String]
    private let read: @Sendable (SecretSource) throws(InvalidValue) -> Secret
    package let fingerprinting = SymmetricKey(size: .bits256)

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

    package var names: [TokenName] { variables.keys.sorted() }

    package func place(of name: TokenName) -> String { "$\(variable(of: name))" }

    package func advice(on name: TokenName) -> String {
        "change \(variable(of: name)) where Gatehouse is started and restart it"
    }

    package func token(_ name: TokenName) async throws(TokenError) -> TokenValue {
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
        return try value(secret, from: "$\(variable)")
    }
}
