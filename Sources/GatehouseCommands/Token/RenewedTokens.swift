internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// The words of commands about tokens that renew themselves, as the store that keeps them tells.
struct RenewedTokens {
    struct Row {
        let name: TokenName
        let kind: RenewalSettings.Kind
        let state: RenewalState
    }

    private(set) var rows: [Row]

    func of(_ name: TokenName) -> RenewedTokens {
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
        let load = try await store.grants()
        let set = Set(summaries.filter { $0.version > 0 }.map(\.name))
        rows = configuration.tokens.sorted { $0.key < $1.key }.map { name, settings in
            let key = GrantKey(name)
            let state = RenewalState(
                load.grants[key],
                problem: load.problems[key],
                needsSeed: settings.renewal.kind == .refreshToken,
                hasSeed: set.contains(name),
                at: now
            )
            return Row(name: name, kind: settings.renewal.kind, state: state)
        }
    }
}

extension RenewedTokens {
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

extension RenewedTokens.Row {
    func write(to json: inout JSONText) {
        json.object("renewal") { renewal in
            renewal.string("kind", kind.rawValue)
            renewal.string("state", state.word.rawValue)
            renewal.number("version", state.version)
            if let time = state.issuedAt { renewal.string("issued_at", time.rfc3339) }
            if let time = state.expiresAt { renewal.string("expires_at", time.rfc3339) }
            if let time = state.renewsAt { renewal.string("renews_at", time.rfc3339) }
            if let problem = state.problem { renewal.string("problem", problem) }
        }
    }
}
