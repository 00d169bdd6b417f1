internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// The words of commands about tokens that renew themselves, as the store that keeps them tells.
struct RenewalTable {
    struct Row {
        let name: TokenName
        let kind: RenewalSettings.Kind
        let state: RenewalState
    }

    private(set) var rows: [Row]

    func of(_ name: TokenName) -> RenewalTable {
        var one = self
        one.rows = rows.filter { $0.name == name }
        return one
    }

    /// - Parameter summaries: what operators have set in the live store.
    init(_ configuration: Configuration, _ summaries: [TokenSummary], now: Timestamp = SystemClock().now()) async throws
    {
        guard let store = try RenewalAssembly.store(configuration) else {
            rows = []
            return
        }
        let load = try await store.sharedGrants()
        let set = Set(summaries.filter { $0.version > 0 }.map(\.name))
        rows = configuration.renewedTokens.sorted { $0.key < $1.key }.map { name, renewal in
            let state = RenewalState(
                of: name,
                in: load,
                needsSeed: renewal.needsSeed,
                hasSeed: set.contains(name),
                at: now
            )
            return Row(name: name, kind: renewal.kind, state: state)
        }
    }
}

extension RenewalTable {
    static let heading = ["NAME", "RENEWS BY", "STATE", "VERSION", "SINCE", "ENDS", "RENEWED NEXT", "NOTE"]

    var lines: [[String]] {
        [Self.heading]
            + rows.map { row in
                [
                    row.name.text, row.kind.rawValue, row.state.word.rawValue, String(row.state.version),
                    row.state.issuedAt?.rfc3339 ?? "-", row.state.expiresAt?.rfc3339 ?? "-",
                    row.state.renewsAt?.rfc3339 ?? "-", row.state.problem ?? "",
                ]
            }
    }
}

extension RenewalTable.Row {
    func write(to json: inout JSONText) {
        json.object("renewal") { renewal in
            renewal.string("kind", kind.rawValue)
            state.write(to: &renewal)
        }
    }
}
