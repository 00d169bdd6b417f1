package import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens

/// The keys that Gatehouse needs for itself: to tag sessions, to chain the audit and vouch for its rings, to digest arguments,
/// and principals for telemetry.
///
/// They are derived from the master keys of the live store, so that replicas share them. A live store without master keys
/// leaves that to a key of this machine's own, made at the first start. Keys of the other stores keep checking: changing `store:` to another
/// sealed store invalidates nothing.
///
/// A master key that `key rotate` retired, and a machine's own key that an operator has adopted, open what is older than their end. For the audit
/// they do so without standing in `master_keys` any more: what it needs of them is kept in the store. A file of that
/// name that nobody has adopted counts for nothing beside master keys: any user who can write the spool could have put it there.
///
/// Only `serve` makes that key: the proxy could not read one that a command made under another user.
package struct InstanceKeys: Sendable {
    package enum Purpose: String, Sendable, CaseIterable {
        case session = "gatehouse session v1"
        case auditChain = "gatehouse audit chain v1"
        case auditRing = "gatehouse audit ring v1"
        case argumentsDigest = "gatehouse arguments digest v1"
        case argumentsSealing = "gatehouse arguments sealing v1"
        case bearer = "gatehouse bearer v1"
        case connect = "gatehouse connect v1"
        case telemetry = "gatehouse telemetry v1"
    }

    private let keys: [MasterKey]
    private let ended: [(key: MasterKey, at: Timestamp)]
    private let kept: [KeptKey]
    /// The id of a key in the spool that counts for nothing, for nobody has adopted it.
    package let strangeKey: MasterKey.ID?
    /// Why it is not known which keys have ended; the older ones then check nothing.
    package let problem: TokenError?
    /// Stores that may keep keys for the audit and could not be asked for them, and why.
    package let unasked: [String]

    /// The purposes whose keys are kept when a master key is retired.
    package static let keptPurposes: [Purpose] = [.auditChain, .argumentsDigest, .argumentsSealing]

    /// The keys as they are, for a command.
    ///
    /// - Throws: ``GatehouseError`` or `TokenError` when a key of the live store, or the machine's own, cannot be read, or none was made yet.
    package init(_ configuration: Configuration) async throws {
        let ends = await KeyEnds(readingStoresOf: configuration)
        if let problem = ends.problem { throw problem }
        try self.init(configuration, ends, makesOwn: false)
    }

    /// The keys for serving: a key of the machine's own that is missing is made, and a store that is away stops nothing.
    package static func made(for configuration: Configuration) async throws -> InstanceKeys {
        try InstanceKeys(configuration, await KeyEnds(readingStoresOf: configuration), makesOwn: true)
    }

    init(_ configuration: Configuration, _ ends: KeyEnds, makesOwn: Bool) throws {
        var keys: [MasterKey] = []
        var ended: [(key: MasterKey, at: Timestamp)] = []
        func add(_ key: MasterKey, endedAt end: Timestamp?) {
            guard !keys.contains(where: { $0.id == key.id }), !ended.contains(where: { $0.key.id == key.id }) else {
                return
            }
            if let end { ended.append((key, end)) } else { keys.append(key) }
        }
        func add(_ ring: MasterKeyring, of store: StoreName) {
            let sure = ends.silent.contains(store) ? 1 : ring.keys.count
            for key in ring.keys.prefix(sure) { add(key, endedAt: ends.ends[key.id]) }
        }
        let live = configuration.store
        let file = InstanceKeyFile(folder: configuration.audit.spool)
        var strangeKey: MasterKey.ID?
        if let sources = live.settings.masterKeys?.all, !sources.isEmpty {
            let ring = try MasterKeyring(sources: sources)
            if let end = ends.ends[ring.first.id] { throw TokenError.firstKeyEnded(ring.first, end) }
            add(ring, of: live.name)
            if file.isThere, let own = try? file.read() {
                if let end = file.end(of: own, under: ring, ends.ends) {
                    add(own, endedAt: end)
                } else if !(ring.keys.map(\.id) + ends.kept.map(\.id)).contains(own.id) {
                    strangeKey = own.id
                }
            }
        } else {
            if !file.isThere {
                guard makesOwn else {
                    throw GatehouseError(
                        .unusable,
                        "there is no key at \(file.path) yet",
                        hint: "start `gatehouse serve` once, which makes it"
                    )
                }
                try file.make()
            }
            add(try file.read(), endedAt: nil)
        }
        for store in configuration.stores {
            // A key of a store that is not in use may be out of reach.
            if let sources = store.settings.masterKeys?.all, let ring = try? MasterKeyring(sources: sources) {
                add(ring, of: store.name)
            }
        }
        self.keys = keys
        self.ended = ended
        kept = ends.kept.filter { kept in
            !keys.contains { $0.id == kept.id } && !ended.contains { $0.key.id == kept.id }
        }
        unasked = ends.unasked
        self.strangeKey = strangeKey
        problem = ends.problem
    }

    /// The key that makes; its id in the log shows later which key an installation without master keys had.
    package var current: MasterKey.ID { keys[0].id }

    /// - Parameter more: keys that have ended since these were read.
    package func keys(for purpose: Purpose, ended more: [MasterKey.ID: Timestamp] = [:]) -> PurposeKeys {
        func derived(_ key: MasterKey) -> Secret { key.derived(for: purpose.rawValue) }
        let older = keys.dropFirst()
        let later = older.compactMap { key in more[key.id].map { (key: key, at: $0) } }
        return PurposeKeys(
            current: derived(keys[0]),
            older: older.filter { more[$0.id] == nil }.map(derived),
            ended: (ended + later).map { PurposeKeys.Ended(key: derived($0.key), at: $0.at) }
                + kept.compactMap { kept in
                    kept.derived(for: purpose.rawValue).map { PurposeKeys.Ended(key: $0, at: kept.end) }
                }
        )
    }
}

extension InstanceKeys {
    /// Lets the key in the spool open everything that this installation made under it until now, as after a change from a store without master keys
    /// to one with.
    ///
    /// - Parameter id: the key's id, as the operator knows it; nil makes the error name it.
    /// - Throws: ``GatehouseError`` or `TokenError` when there is no such key, or no master key to seal the statement with.
    package static func adopt(_ id: String?, _ configuration: Configuration, at now: Timestamp) async throws
        -> MasterKey.ID
    {
        guard let sources = configuration.store.settings.masterKeys?.all, !sources.isEmpty else {
            throw GatehouseError(
                .unsupported,
                "the live store has no master keys: the key in the spool is in use as it is"
            )
        }
        let ring = try MasterKeyring(sources: sources)
        let ends = await KeyEnds(readingStoresOf: configuration)
        if let problem = ends.problem { throw problem }
        if let end = ends.ends[ring.first.id] { throw TokenError.firstKeyEnded(ring.first, end) }
        let file = InstanceKeyFile(folder: configuration.audit.spool)
        guard file.isThere else { throw GatehouseError(.unusable, "there is no key at \(file.path)") }
        let key = try file.read()
        guard id == key.id.description else {
            throw GatehouseError(
                .unusable,
                "the key at \(file.path) is \(key.id)",
                hint: "if it is this installation's own, as its log or a backup says: gatehouse key adopt \(key.id)"
            )
        }
        try file.adopt(key, until: now, under: ring)
        return key.id
    }

    /// The kept keys of the machine's own key, when an operator has adopted it: the statement is sealed under a key that may be retired later.
    package static func adopted(_ configuration: Configuration) async throws -> [KeptKey] {
        guard let sources = configuration.store.settings.masterKeys?.all, !sources.isEmpty else { return [] }
        let file = InstanceKeyFile(folder: configuration.audit.spool)
        let ring = try MasterKeyring(sources: sources)
        let ends = await KeyEnds(readingStoresOf: configuration).ends
        guard file.isThere, let own = try? file.read(), let end = file.end(of: own, under: ring, ends) else {
            return []
        }
        return [KeptKey(of: own, until: end, for: keptPurposes.map(\.rawValue))]
    }
}
