internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Glibc

/// What the sealed stores of a configuration say of the ends of master keys. A store with one key has nothing to say, and is not asked.
struct KeyEnds: Sendable {
    var ends: [MasterKey.ID: Timestamp] = [:]
    /// Stores that could not be read: of their keys only the first is sure to have no end.
    var silent: Set<StoreName> = []
    /// Why the live one could not.
    var problem: TokenError?

    init() {}

    init(readingStoresOf configuration: Configuration) async {
        for store in configuration.stores {
            guard (store.settings.masterKeys?.all.count ?? 0) > 1 else { continue }
            // Looking makes no database.
            if case .sqlite(let path, _) = store.settings, access(path, F_OK) != 0 { continue }
            do {
                guard let sealed = try StoreAssembly.store(store.settings, names: []) as? SealedTokenStore else {
                    continue
                }
                // A store says the same of a key as another does, or nothing.
                ends.merge(try await sealed.keyEnds()) { min($0, $1) }
            } catch {
                silent.insert(store.name)
                guard store.name == configuration.store.name else { continue }
                problem = error as? TokenError ?? TokenError(.unavailable, "\(error)", underlying: error)
            }
        }
    }
}
