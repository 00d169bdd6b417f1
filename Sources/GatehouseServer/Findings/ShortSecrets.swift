package import GatehouseConfig
package import GatehouseCore
internal import GatehouseTokens

/// Tokens that answers are not searched for, because ordinary texts would hold them.
package enum ShortSecrets {
    /// Whether a value is among them on one of these routes.
    package static func contains(_ name: TokenName, _ value: Secret?, of routes: [Route]) -> Bool {
        guard let value, value.count < Reflection.shortestSecret else { return false }
        return routes.contains { $0.reflection != .off && $0.tokens.contains(name) }
    }

    /// Those that stand in the environment, with their variables. Another store is not opened to check a file; `doctor` opens it.
    package static func inEnvironment(of configuration: Configuration) -> [(name: TokenName, variable: String)] {
        guard case .environment(let settings) = configuration.store.settings,
            let store = try? EnvironmentTokenStore(names: configuration.tokenNames, variables: settings.variables)
        else { return [] }
        return configuration.tokenNames.sorted().compactMap { name in
            let variable = store.variable(of: name)
            let value = try? SecretSource.environment(variable).read()
            return contains(name, value, of: configuration.routes.routes) ? (name, variable) : nil
        }
    }
}
