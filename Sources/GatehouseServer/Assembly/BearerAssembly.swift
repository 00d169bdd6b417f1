package import GatehouseConfig
internal import GatehouseCore
package import GatehouseTokens
internal import Glibc

/// Opens the store of break-glass credentials: in the store that keeps state when that is PostgreSQL, for a fleet; else beside the tokens when the live store
/// is a SQLite file, and in a file of its own in the spool's directory when it is not.
package enum BearerAssembly {
    package static let fileName = "bearer.db"

    /// The place, which a process goes on watching when a reload makes another store live.
    package enum Place: Equatable, Sendable {
        case file(String)
        case state(Configuration.NamedStore)
    }

    package static func place(_ configuration: Configuration) -> Place {
        if let state = configuration.state, state.settings.kind == .postgres { return .state(state) }
        return .file(path(configuration))
    }

    /// The file on this machine, whether or not it is the place.
    package static func path(_ configuration: Configuration) -> String {
        switch configuration.store.settings {
        case .sqlite(let path, _): path
        case .environment, .file, .exec, .postgres, .infisical, .vault: configuration.audit.spool + "/" + fileName
        }
    }

    /// The store for a command.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when a key cannot be read.
    package static func store(_ configuration: Configuration) async throws -> BearerStore {
        if case .state = place(configuration), let state = try StoreAssembly.state(configuration, isUntouched: false) {
            return BearerStore(in: state)
        }
        return file(configuration, keys: try await InstanceKeys(configuration))
    }

    /// The file of this machine, whether or not it is the place.
    package static func file(_ configuration: Configuration, keys: InstanceKeys) -> BearerStore {
        BearerStore(path: path(configuration), keys: keys.keys(for: .bearer))
    }

    /// The store for serving, while keys may change.
    ///
    /// - Parameter state: the open store that keeps state.
    static func store(_ configuration: Configuration, state: SealedTokenStore?, keys: LiveKeys) -> BearerStore {
        if case .state = place(configuration), let state { return BearerStore(in: state) }
        return BearerStore(path: path(configuration), keys: keys.keys(for: .bearer))
    }

    /// The store for reading: nil while no credential was ever issued, so that reading makes no file.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when a key cannot be read.
    package static func existing(_ configuration: Configuration) async throws -> BearerStore? {
        if case .state = place(configuration), let state = try StoreAssembly.state(configuration, isUntouched: true) {
            return BearerStore(in: state)
        }
        return try await existingFile(configuration)
    }

    package static func existingFile(_ configuration: Configuration) async throws -> BearerStore? {
        access(path(configuration), F_OK) == 0 ? file(configuration, keys: try await InstanceKeys(configuration)) : nil
    }

    /// The names of live credentials in this machine's file that open nothing, because a fleet's stand in the store that keeps state.
    package static func unmigrated(_ configuration: Configuration) async throws -> [String] {
        guard case .state = place(configuration), let file = try await existingFile(configuration) else { return [] }
        let live = try await file.list().filter { $0.status == .live }
        guard !live.isEmpty, let fleet = try await existing(configuration) else { return [] }
        let known = Set(try await fleet.list().map(\.id))
        return live.filter { !known.contains($0.id) }.map(\.name)
    }
}
