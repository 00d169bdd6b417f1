package import GatehouseConfig
internal import GatehouseCore
package import GatehouseTokens

/// Makes what keeps the pins that a configuration has.
package enum PinAssembly {
    /// The store that keeps them; nil where no route has some.
    ///
    /// - Parameter isUntouched: for who only looks.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    package static func store(_ configuration: Configuration, isUntouched: Bool = false) throws -> SealedTokenStore? {
        configuration.pinnedRoutes.isEmpty ? nil : try StoreAssembly.state(configuration, isUntouched: isUntouched)
    }

    /// The routes that have pins. One whose token is each person's own is not asked for its tools: Gatehouse has none to ask with.
    static func routes(_ configuration: Configuration) -> [(route: Route, isAsked: Bool)] {
        let personal = Set(configuration.personalTokens.keys)
        return configuration.pinnedRoutes.map { route in
            (route, route.tokens.isDisjoint(with: personal))
        }
    }
}
