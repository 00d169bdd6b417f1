internal import GatehouseCore

/// `tokens` and `state`, checked against the stores and the routes.
struct RenewedTokens: Sendable {
    var settings: [TokenName: TokenSettings] = [:]
    /// Nil where the file names none and the live store could be none.
    var state: Configuration.NamedStore?

    private typealias Fields = ConfigurationFields

    /// Nil when something is wrong, which is reported.
    ///
    /// - Parameters:
    ///   - stores: nil where they could not be read, which is reported already; as the live one and the routes.
    static func read(
        _ entries: [TableEntry<TokenName, TokenSettings>]?,
        _ choice: StoreChoice?,
        stores: [Configuration.NamedStore]?,
        live: Configuration.NamedStore?,
        _ routes: [Route]?,
        _ keys: inout Keys,
        _ decoding: Decoding
    ) -> RenewedTokens? {
        guard (entries != nil) == keys.has(Fields.tokens.key), (choice != nil) == keys.has(Fields.state.key) else {
            return nil
        }
        if let entries, entries.count < keys.names(under: Fields.tokens.key).count {
            decoding.incomplete.insert(.tokens)
        }
        var chosen = live
        if let choice {
            chosen = Draft.chosen(choice, of: stores, keys, decoding)
            guard let chosen else { return nil }
            guard chosen.settings.masterKeys != nil else {
                decoding.error(
                    "'state' is a store of kind sqlite or postgres, and \(choice.name) is of kind \(chosen.settings.kind.rawValue)",
                    at: choice.span,
                    hint: hint(stores)
                )
                return nil
            }
        }
        if let counted = routes?.first(where: { $0.limits.rate?.scope == .fleet }), let chosen,
            chosen.settings.kind != .postgres, let claim = decoding.claims.first(where: { $0.name == counted.name })
        {
            decoding.error(
                "a rate of the fleet is counted through a store of kind postgres, and \(chosen.name) is of kind \(chosen.settings.kind.rawValue)",
                at: claim.nameSpan,
                hint: stores?.first { $0.settings.kind == .postgres }.map { "state: \($0.name)" }
                    ?? "stores: { shared: { kind: postgres, url: …, master_keys: [{ file: … }] } } and state: shared"
            )
        }
        let entries = entries ?? []
        let pinned = routes?.first { $0.pin != nil }
        guard !entries.isEmpty || pinned != nil else {
            return RenewedTokens(state: chosen?.settings.masterKeys == nil ? nil : chosen)
        }
        if let routes, !entries.isEmpty { check(entries, routes, decoding) }
        guard let chosen else { return nil }
        guard chosen.settings.masterKeys != nil else {
            if entries.isEmpty, let pinned, let claim = decoding.claims.first(where: { $0.name == pinned.name }) {
                decoding.error(
                    "pins are kept in a store of kind sqlite or postgres, and the live one is of kind \(chosen.settings.kind.rawValue)",
                    at: claim.nameSpan,
                    hint: hint(stores)
                )
                return nil
            }
            decoding.error(
                "a token that renews itself, or of which each person has an own one, is kept in a store of kind sqlite or postgres, and the live one is of kind \(chosen.settings.kind.rawValue)",
                at: keys.place(ofKey: Fields.tokens.key),
                hint: hint(stores)
            )
            return nil
        }
        if choice == nil { keys.show(Fields.state.key, .value(chosen.name.text)) }
        let settings = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
        return RenewedTokens(settings: settings, state: chosen)
    }

    private static func hint(_ stores: [Configuration.NamedStore]?) -> String {
        let sealed = stores?.filter { $0.settings.masterKeys != nil } ?? []
        guard sealed.isEmpty else { return "state: \(sealed.map(\.name.text).joined(separator: " or "))" }
        return "stores: { kept: { kind: sqlite, path: …, master_keys: [{ file: … }] } } and state: kept"
    }

    private static func check(
        _ entries: [TableEntry<TokenName, TokenSettings>],
        _ routes: [Route],
        _ decoding: Decoding
    ) {
        let used = Set(routes.flatMap(\.tokens))
        for entry in entries where !used.contains(entry.key) && !decoding.incomplete.contains(.routes) {
            decoding.warning("no route uses the token '\(entry.key)'", at: entry.keySpan)
        }
        let personal = Set(entries.filter { $0.value.personal != nil }.map(\.key))
        for route in routes {
            guard let claim = decoding.claims.first(where: { $0.name == route.name }) else { continue }
            if let name = route.tokens.intersection(entries.map(\.key)).min(), route.autoRevert {
                decoding.error(
                    "auto_revert goes back to the version before, and '\(name)' has none to go back to: it renews itself, or each person has an own one",
                    at: claim.nameSpan,
                    hint: "leave auto_revert out: a 401 renews the token"
                )
            }
            check(route, route.tokens.intersection(personal).sorted(), claim, decoding)
        }
    }

    private static func check(_ route: Route, _ personal: [TokenName], _ claim: RouteClaim, _ decoding: Decoding) {
        guard let first = personal.first else { return }
        if personal.count > 1 {
            decoding.error(
                "the route injects two personal tokens, '\(first)' and '\(personal[1])': a caller could lack either",
                at: claim.nameSpan,
                hint: "one personal token a route"
            )
        }
        if route.pin != nil {
            decoding.warning(
                "its token is each person's own, so Gatehouse cannot ask the upstream for its tools: the pins know the lists that callers fetch and no others",
                at: claim.nameSpan,
                hint: "gatehouse pins list says which tools were seen"
            )
        }
        if case .any = route.host {
            decoding.error(
                "the token '\(first)' is connected under the route's host, and this route has none of its own",
                at: claim.nameSpan,
                hint: "host: the name under which people reach it"
            )
        }
    }
}
