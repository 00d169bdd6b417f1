package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens
internal import Glibc

/// Where break-glass credentials are kept: beside the tokens when the live store is a SQLite file, else in a file of their own in the spool's
/// directory.
package enum BearerAssembly {
    package static let fileName = "bearer.db"

    /// The file, which a process goes on watching when a reload makes another store live.
    static func path(_ configuration: Configuration) -> String {
        switch configuration.store.settings {
        case .sqlite(let path, _): path
        case .environment, .postgres, .infisical: configuration.audit.spool + "/" + fileName
        }
    }

    /// - Parameter ends: of master keys, as they are known while the process runs.
    package static func store(
        _ configuration: Configuration,
        keys: InstanceKeys,
        ends: @escaping @Sendable () -> [MasterKey.ID: Timestamp] = { [:] }
    ) -> BearerStore {
        BearerStore(path: path(configuration), keys: keys.keys(for: .bearer, ended: ends()))
    }

    /// The same for who only looks: nil while no credential was ever issued, so that looking makes no file.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when the instance's keys cannot be read.
    package static func existing(_ configuration: Configuration) async throws -> BearerStore? {
        access(path(configuration), F_OK) == 0 ? store(configuration, keys: try await InstanceKeys(configuration)) : nil
    }
}
