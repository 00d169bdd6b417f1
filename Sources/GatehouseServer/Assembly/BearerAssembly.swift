package import GatehouseConfig
internal import GatehouseCore
package import GatehouseTokens
internal import Glibc

/// Opens the store of break-glass credentials: beside the tokens when the live store is a SQLite file, else in a file of its own in the spool's
/// directory.
package enum BearerAssembly {
    package static let fileName = "bearer.db"

    /// The file, which a process goes on watching when a reload makes another store live.
    package static func path(_ configuration: Configuration) -> String {
        switch configuration.store.settings {
        case .sqlite(let path, _): path
        case .environment, .file, .exec, .postgres, .infisical, .vault: configuration.audit.spool + "/" + fileName
        }
    }

    package static func store(_ configuration: Configuration, keys: InstanceKeys) -> BearerStore {
        BearerStore(path: path(configuration), keys: keys.keys(for: .bearer))
    }

    /// The store for serving, while keys may change.
    static func store(_ configuration: Configuration, keys: LiveKeys) -> BearerStore {
        BearerStore(path: path(configuration), keys: keys.keys(for: .bearer))
    }

    /// The store for reading: nil while no credential was ever issued, so that reading makes no file.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when the instance's keys cannot be read.
    package static func existing(_ configuration: Configuration) async throws -> BearerStore? {
        access(path(configuration), F_OK) == 0 ? store(configuration, keys: try await InstanceKeys(configuration)) : nil
    }
}
