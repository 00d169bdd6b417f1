internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens

/// The sealed stores' records of retired master keys: their ends, and the keys that are kept of them. Reading them makes no database.
struct KeyEnds: Sendable {
    var ends: [MasterKey.ID: Timestamp] = [:]
    var kept: [KeptKey] = []
    /// Stores that could not be read: of their keys only the first is sure to have no end.
    var silent: Set<StoreName> = []
    /// Why the live one could not, when it has keys whose ends are not known by that.
    var problem: TokenError?
    /// Stores that may keep keys for the audit and could not be asked for them.
    var unasked: [String] = []

    init() {}

    init(readingStoresOf configuration: Configuration) async {
        typealias Answer = Result<SealedTokenStore.KeyRecord, TokenError>
        // All at once: a store that is away costs the time of one.
        let answers = await withTaskGroup(of: (Configuration.NamedStore, Answer).self) { group in
            for store in configuration.stores where store.settings.masterKeys?.all.isEmpty == false {
                group.addTask {
                    do {
                        let sealed = try StoreAssembly.store(store.settings, names: []) as? SealedTokenStore
                        return (store, .success(try await sealed?.keyRecord() ?? .init()))
                    } catch {
                        let problem = error as? TokenError ?? TokenError(.unavailable, "\(error)", underlying: error)
                        return (store, .failure(problem))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (store, answer) in answers {
            switch answer {
            case .success(let record):
                // A store says the same of a key as another does, or nothing.
                ends.merge(record.ends) { min($0, $1) }
                kept += record.kept.filter { key in !kept.contains { $0.id == key.id } }
            case .failure(let error):
                unasked.append("the store '\(store.name)': \(error.message)")
                // One key alone has no end that it could say.
                guard (store.settings.masterKeys?.all.count ?? 0) > 1 else { continue }
                silent.insert(store.name)
                if store.name == configuration.store.name { problem = error }
            }
        }
    }
}
