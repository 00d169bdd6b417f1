internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// How far the live store can be relied on, beyond what it holds.
extension Doctor {
    func trust(in store: any TokenStore) async -> [Finding] {
        guard let sealed = store as? SealedTokenStore else { return [] }
        let name = configuration.store.name.text
        var findings: [Finding] = []
        if let pooling = try? await sealed.pooling(), let finding = Self.finding(pooling, of: name) {
            findings.append(finding)
        }
        if (try? await sealed.isBound()) == false {
            findings.append(
                Finding(
                    .store,
                    .warn,
                    name,
                    "rows of another database under the same master key open in it",
                    advice: "gatehouse key rotate, once every instance runs this release"
                )
            )
        }
        return findings
    }

    /// How the store that keeps state is reached, where it is not the live one.
    func reachOfState() async -> [Finding] {
        guard let state = configuration.state, state != configuration.store, state.settings.kind == .postgres else {
            return []
        }
        do {
            let store = try StoreAssembly.store(state.settings, names: [], isUntouched: true) as? SealedTokenStore
            return try await store?.pooling().flatMap { Self.finding($0, of: state.name.text) }.map { [$0] } ?? []
        } catch {
            let error = error as? TokenError
            return [.store(state.name.text, error?.message ?? "cannot be reached", hint: error?.hint)]
        }
    }

    /// Nil where nothing stands between Gatehouse and the server.
    static func finding(_ pooling: StorePooling, of store: String) -> Finding? {
        switch pooling {
        case .direct: nil
        case .sessions:
            Finding(
                .store,
                .ok,
                store,
                "behind a pooler in session mode: each process takes two of its connections for good, and three for state"
            )
        case .transactions:
            Finding(
                .store,
                .ok,
                store,
                "behind a pooler in transaction mode: changes are not told, and asked for every second"
            )
        }
    }
}
