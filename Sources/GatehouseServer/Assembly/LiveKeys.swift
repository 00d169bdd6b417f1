internal import GatehouseCore
internal import GatehouseMCP
internal import GatehouseTokens
internal import Synchronization

/// The instance's keys while it runs: those of the last file that was taken, without what the live store has said to have ended since.
///
/// Sessions and bearers follow them at once, so that replicas which are restarted one after the other know each other's. The audit's chain goes on
/// under the key that it began with.
final class LiveKeys: Sendable {
    private struct State {
        var keys: InstanceKeys
        var ends: [MasterKey.ID: Timestamp] = [:]
    }

    private let state: Mutex<State>

    init(_ keys: InstanceKeys) { state = Mutex(State(keys: keys)) }

    func replace(_ keys: InstanceKeys) { state.withLock { $0.keys = keys } }

    /// A key that has ended stays so, whatever another store says of it.
    func ended(_ ends: [MasterKey.ID: Timestamp]) { state.withLock { $0.ends.merge(ends) { min($0, $1) } } }

    func keys(for purpose: InstanceKeys.Purpose) -> PurposeKeys {
        state.withLock { $0.keys.keys(for: purpose, ended: $0.ends) }
    }

    var sessions: SessionTags { SessionTags(keys(for: .session)) }
}
