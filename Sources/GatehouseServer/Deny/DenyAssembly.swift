package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens
internal import Glibc

/// Opens the store that keeps deny entries.
package enum DenyAssembly {
    /// The store; nil where the configuration has none that could keep them.
    ///
    /// - Throws: ``TokenError`` when a master key cannot be read.
    package static func store(_ configuration: Configuration, isUntouched: Bool = false) throws -> SealedTokenStore? {
        try StoreAssembly.state(configuration, isUntouched: isUntouched)
    }

    /// The entries for who only looks; none where there is no store, or no database yet.
    ///
    /// - Throws: ``TokenError`` when they cannot be read.
    package static func entries(_ configuration: Configuration) async throws -> DenyBook {
        if case .sqlite(let path, _)? = configuration.state?.settings, access(path, F_OK) != 0 { return DenyBook() }
        return try await store(configuration, isUntouched: true)?.denials()?.book ?? DenyBook()
    }
}
