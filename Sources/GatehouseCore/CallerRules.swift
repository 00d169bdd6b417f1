internal import Synchronization

/// The rules under which callers were let in, as they change: who holds a caller for long asks it whether they still let it in.
///
/// The authenticator publishes a change once; each caller is compared with it once, so a stream that goes on costs one comparison a sweep.
package final class CallerRules: Sendable {
    package typealias Judgement = @Sendable (Caller) -> Bool

    private struct State {
        var admits: Judgement?
        /// All callers that were admitted before this change are no longer admitted.
        var oldestAdmitted = 0
    }

    private let current = Atomic(0)
    private let state = Mutex(State())

    package init() {}

    /// How often the rules have changed.
    package var changes: Int { current.load(ordering: .acquiring) }

    /// - Parameter admits: whether a caller who was let in before is still. Called for each later, wherever that is.
    package func changed(_ admits: @escaping Judgement) {
        state.withLock { state in
            state.admits = admits
            current.add(1, ordering: .releasing)
        }
    }

    /// Invalidates the admission of every caller that was admitted before.
    package func changedForAll() {
        state.withLock { $0.oldestAdmitted = current.add(1, ordering: .releasing).newValue }
    }

    func admits(_ caller: Caller, from changes: Int) -> Bool {
        let state = state.withLock { $0 }
        return changes >= state.oldestAdmitted && state.admits?(caller) ?? true
    }
}
