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
        switch try? await sealed.pooling() {
        case .transactions:
            let words = "behind a pooler in transaction mode: changes are not told, and asked for every second"
            findings.append(Finding(.store, .ok, name, words))
        case .sessions:
            let words = "behind a pooler in session mode: each process takes two of its connections for good"
            findings.append(Finding(.store, .ok, name, words))
        case .direct, nil: break
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
}
