package import GatehouseCore

/// The store of upstream tokens.
package enum StoreSettings: Equatable, Sendable {
    case environment(EnvironmentStoreSettings)
    case sqlite(path: String, masterKeys: MasterKeys)
    case postgres(url: PostgresURL, masterKeys: MasterKeys)
    case infisical(InfisicalStoreSettings)
    /// HashiCorp Vault or OpenBao.
    case vault(VaultStoreSettings)
    /// A folder of files.
    case file(path: String)
    case exec(CommandStoreSettings)

    /// The values of `kind`.
    package enum Kind: String, Sendable, CaseIterable {
        case env, file, exec, sqlite, postgres, infisical, vault
    }

    package var kind: Kind {
        switch self {
        case .environment: .env
        case .sqlite: .sqlite
        case .postgres: .postgres
        case .infisical: .infisical
        case .vault: .vault
        case .file: .file
        case .exec: .exec
        }
    }

    /// The master keys that seal this store; nil for a store that does not seal.
    package var masterKeys: MasterKeys? {
        switch self {
        case .sqlite(_, let keys), .postgres(_, let keys): keys
        case .environment, .infisical, .vault, .file, .exec: nil
        }
    }

    /// The places of what opens the store.
    package var secrets: [SecretSource] {
        switch self {
        case .sqlite(_, let keys), .postgres(_, let keys): keys.all
        case .infisical(let infisical): [infisical.clientID, infisical.clientSecret]
        case .vault(let vault): vault.identity.secrets
        case .environment, .file, .exec: []
        }
    }

    /// Whether the store cannot be listed: it is asked for the names that routes use.
    package var isAskedByName: Bool {
        switch self {
        case .environment, .file, .exec: true
        case .sqlite, .postgres, .infisical, .vault: false
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

/// A program that prints tokens.
package struct CommandStoreSettings: Hashable, Sendable {
    package static let cacheRange: ClosedRange<Duration> = .zero ... .seconds(86_400)
    package static let defaultCache: Duration = .seconds(300)

    /// The program and its arguments; not empty.
    package let command: [String]
    /// Names of variables that the program gets beside those that every program gets.
    package let variables: [String]
    /// How long a value is served before the program is run again.
    package let cache: Duration
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
