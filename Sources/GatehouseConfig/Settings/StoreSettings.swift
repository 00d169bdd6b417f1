package import GatehouseCore

/// The store of upstream tokens.
package enum StoreSettings: Equatable, Sendable {
    case environment(EnvironmentStoreSettings)
    case sqlite(path: String, masterKeys: MasterKeys)
    case postgres(url: PostgresURL, masterKeys: MasterKeys)
    case infisical(InfisicalStoreSettings)

    /// The values of `kind`.
    package enum Kind: String, Sendable, CaseIterable {
        case env, sqlite, postgres, infisical
    }

    package var kind: Kind {
        switch self {
        case .environment: .env
        case .sqlite: .sqlite
        case .postgres: .postgres
        case .infisical: .infisical
        }
    }

    /// The master keys that seal this store; nil for a store that does not seal.
    package var masterKeys: MasterKeys? {
        switch self {
        case .sqlite(_, let keys), .postgres(_, let keys): keys
        case .environment, .infisical: nil
        }
    }
}

/// The places of the keys that seal tokens: the first key seals, all of them open. Never empty.
package struct MasterKeys: Hashable, Sendable {
    package let current: SecretSource
    package let older: [SecretSource]

    package var all: [SecretSource] { [current] + older }

    package init(current: SecretSource, older: [SecretSource] = []) {
        self.current = current
        self.older = older
    }

    init?(_ sources: [SecretSource]) {
        guard let first = sources.first else { return nil }
        self.init(current: first, older: Array(sources.dropFirst()))
    }
}

package struct EnvironmentStoreSettings: Hashable, Sendable {
    /// Variables of tokens that are not under their default name.
    package let variables: [TokenName: String]

    package init(variables: [TokenName: String] = [:]) { self.variables = variables }

    /// The variable that holds a token: the one named, else `CODA_API_TOKEN` for `coda`.
    package func variable(for token: TokenName) -> String {
        if let name = variables[token] { return name }
        let upper = token.text.utf8.map { byte -> UInt8 in
            byte.isASCIILetter ? byte & 0xDF : byte.isASCIIDigit ? byte : 0x5F
        }
        return String(decoding: upper, as: UTF8.self) + "_API_TOKEN"
    }
}

package struct InfisicalStoreSettings: Hashable, Sendable {
    /// The folder that holds the secrets.
    package static let defaultPath = "/"

    package let site: WebURL
    package let project: String
    package let environment: String
    package let path: String
    package let clientID: SecretSource
    package let clientSecret: SecretSource
    /// A PEM file that replaces the system's certificate authorities.
    package let authorities: String?
}
