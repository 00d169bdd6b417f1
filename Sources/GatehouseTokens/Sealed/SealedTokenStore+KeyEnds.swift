package import GatehouseCore
internal import Synchronization

/// Since when a retired master key opens nothing any more.
///
/// The ends stand in the store as the changes of a token that no route can mean, for its name is none: sealed, in their order, and missed by a
/// running process when they are taken away, like those of any token. The first release passes them over.
///
/// Once `key rotate` has put every row under the first key, a row under another one was put there by a holder of that key. A process
/// that starts afterwards cannot know what was there when all records of the ends are removed: a key that leaked leaves `master_keys` as soon as
/// every instance has the new one. What the audit needs of it is kept: see ``KeptKey``.
extension SealedTokenStore {
    /// The name of the record of the keys' ends, which is no valid ``TokenName``.
    static let keysName = "*keys"
    static let endAction = "end_key"

    /// The ends of master keys, as they stand in the store.
    package func keyEnds() async throws(TokenError) -> [MasterKey.ID: Timestamp] {
        try await database.use(.reading) { rows throws(TokenError) in try ends(rows) }
    }

    /// The ends that this process has seen. May be read anywhere, at any time.
    package nonisolated var knownKeyEnds: [MasterKey.ID: Timestamp] { known.ends }

    /// Sets the closure that is called with all ends, on any thread, whenever this store reports a new one. It must not block.
    package nonisolated func onKeyEnd(_ body: @escaping @Sendable ([MasterKey.ID: Timestamp]) -> Void) {
        known.follow(body)
    }

    /// The ends as one view of the rows has them. A ring of one key asks nothing: no other opens anything.
    func ends(_ rows: TokenRows) throws(TokenError) -> [MasterKey.ID: Timestamp] {
        guard sealer.keyring.keys.count > 1 else { return [:] }
        if let ends = rows.view.ends { return ends }
        // The records of the ends are read without being judged by ends themselves.
        rows.view.ends = [:]
        var ends: [MasterKey.ID: Timestamp] = [:]
        do throws(TokenError) {
            if try trustedHead(of: Self.keysName, rows) != nil {
                for (event, seal) in try rows.events(of: Self.keysName, limit: Self.maximumHistory) {
                    try attestation.verify(event, seal, of: try binding(rows))
                    if event.action == Self.keepAction { continue }
                    guard event.action == Self.endAction, let bytes = Hex.decode(event.note),
                        bytes.count == MasterKey.ID.length
                    else { throw event.tampered }
                    ends[MasterKey.ID(bytes: bytes)] = Timestamp(microseconds: event.at)
                }
            }
        } catch {
            rows.view.ends = nil
            guard error.code == .tampered else { throw error }
            throw TokenError(
                error.code,
                "the record of the ends of master keys: \(error.message)",
                hint: "restore the store from a backup, and find out who wrote to the database",
                underlying: error
            )
        }
        rows.view.ends = ends
        known.saw(ends)
        return ends
    }

    /// - Throws: ``TokenError`` `tampered` for a seal under a key that has ended.
    func refuseEnded(_ id: MasterKey.ID?, _ name: String, _ rows: TokenRows) throws(TokenError) {
        guard let id, let end = try ends(rows)[id] else { return }
        throw Self.tampered(name, "a row of it stands under the master key \(id), which was retired at \(end.rfc3339)")
    }

    /// - Throws: ``TokenError`` `configuration` when nothing may be sealed any more under the first key.
    func refuseEndedFirst(_ rows: TokenRows) throws(TokenError) {
        guard let end = try ends(rows)[sealer.keyring.first.id] else { return }
        throw .firstKeyEnded(sealer.keyring.first, end)
    }

    /// Ends every key but the first, and keeps the keys derived from them for `purposes`.
    ///
    /// - Returns: the keys that had no end yet, and those that were not kept; nil, and nothing is ended, when a row is under one of them: another
    ///   process has just written it, and it must not stop opening.
    func endOlderKeys(
        by actor: String,
        keeping purposes: [String]
    ) async throws(TokenError) -> (ended: [MasterKey.ID], kept: [MasterKey.ID])? {
        let older = sealer.keyring.keys.dropFirst()
        guard !older.isEmpty else { return ([], []) }
        let (outcome, revision) = try await database.use(.changing) {
            rows throws(TokenError) -> ((ended: [MasterKey.ID], kept: [MasterKey.ID])?, Int64) in
            try refuseEndedFirst(rows)
            guard try rows.keyIDs().allSatisfy({ $0 == sealer.keyring.first.id }) else { return (nil, 0) }
            var ends = try ends(rows)
            var head = try keysHead(rows)
            let known = try keptKeys(rows)
            var ended: [MasterKey.ID] = []
            for key in older where ends[key.id] == nil {
                let what = try TokenChange(actor: actor, note: key.id.description)
                head = try record(Self.endAction, &head, what, rows)
                ends[key.id] = Timestamp(microseconds: head.changedAt)
                ended.append(key.id)
            }
            rows.view.ends = ends
            let keys = older.compactMap { key in
                ends[key.id].map { KeptKey(of: key, until: $0, for: purposes) }
            }
            let kept = purposes.isEmpty ? [] : try keep(keys, beside: known, by: actor, &head, rows)
            return ((ended, kept), head.revision)
        }
        if revision > 0 { seen.saw(Self.keysName, at: revision) }
        _ = try await keyEnds()
        return outcome
    }

    /// The head of the records of keys; a new one when there is none.
    func keysHead(_ rows: TokenRows) throws(TokenError) -> TokenHead {
        try trustedHead(of: Self.keysName, rows)
            ?? TokenHead(name: Self.keysName)
    }
}

extension TokenError {
    package static func firstKeyEnded(_ key: MasterKey, _ end: Timestamp) -> TokenError {
        TokenError(
            .configuration,
            "the first of the master keys, \(key.id), was retired at \(end.rfc3339): nothing is sealed under it any more",
            hint: "put the key that replaced it first in master_keys"
        )
    }
}

/// The ends of keys that a process knows.
final class KnownKeyEnds: Sendable {
    typealias Follower = @Sendable ([MasterKey.ID: Timestamp]) -> Void

    private struct State {
        var ends: [MasterKey.ID: Timestamp] = [:]
        var follower: Follower?
    }

    private let state = Mutex(State())

    var ends: [MasterKey.ID: Timestamp] { state.withLock { $0.ends } }

    func follow(_ body: @escaping Follower) { state.withLock { $0.follower = body } }

    func saw(_ new: [MasterKey.ID: Timestamp]) {
        let (ends, follower) = state.withLock { state -> ([MasterKey.ID: Timestamp], Follower?) in
            let before = state.ends
            state.ends.merge(new) { _, new in new }
            return (state.ends, state.ends == before ? nil : state.follower)
        }
        follower?(ends)
    }
}

/// Values that are read once for a view of the rows.
final class TokenView {
    struct Binding {
        let id: StoreID?
    }

    var ends: [MasterKey.ID: Timestamp]?
    var binding: Binding?
}
