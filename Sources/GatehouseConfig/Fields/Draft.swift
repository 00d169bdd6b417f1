internal import GatehouseCore
internal import YAMLReader

/// The values of a whole file, checked against each other.
struct Draft: Sendable {
    let listen: Endpoint
    let reusesPort: Bool
    let admin: Endpoint
    let adminHosts: [Host]
    let forwardAuth: Endpoint?
    let threads: Int
    let access: AccessSettings
    let stores: [Configuration.NamedStore]
    let store: Configuration.NamedStore
    let storeRefresh: Duration
    let storeMaxStale: Duration
    let tokens: RenewedTokens
    let connectPath: PathPrefix
    let audit: AuditSettings
    let limits: ServerLimits
    let reload: ReloadSettings
    let log: LogSettings
    let telemetry: TelemetrySettings?
    let routes: [Route]

    private typealias Fields = ConfigurationFields

    static let shape = Shape<Draft>.mapping(Fields.all, wanted: "the configuration") { keys, decoding in
        _ = keys.read(Fields.version)
        let listen = keys.read(Fields.listen)
        let reusesPort = keys.read(Fields.reusePort) ?? false
        let admin = keys.read(Fields.admin)
        let adminHosts = keys.read(Fields.adminHosts)
        let forwardAuth = keys.read(Fields.forwardAuth)
        let threads = keys.read(Fields.threads) ?? min(UsableCores.count(), Configuration.maximumDefaultThreads)
        if !keys.has(Fields.threads.key) { keys.show(Fields.threads.key, .word("\(threads)")) }
        let access = keys.read(Fields.access)
        let stores = keys.read(Fields.stores)
        let choice = keys.read(Fields.store)
        let storeRefresh = keys.read(Fields.storeRefresh)
        let storeMaxStale = keys.read(Fields.storeMaxStale)
        let tokens = keys.read(Fields.tokens)
        let stateChoice = keys.read(Fields.state)
        let connectPath = keys.read(Fields.connectPath)
        let audit = keys.read(Fields.audit)
        let limits = keys.read(Fields.limits)
        let reload = keys.read(Fields.reload)
        let log = keys.read(Fields.log)
        let telemetry = keys.read(Fields.telemetry)
        // Absent is no error, and wrong is.
        let sends: TelemetrySettings?? = telemetry == nil && keys.has(Fields.telemetry.key) ? nil : .some(telemetry)
        let routes = keys.read(Fields.routes)
        if let listen, let admin { check(listen, admin, keys, decoding) }
        if let forwardAuth { check(forwardAuth, besides: [listen, admin], keys, decoding) }
        if let storeRefresh, let storeMaxStale, storeMaxStale < storeRefresh {
            decoding.error(
                "store_max_stale is shorter than store_refresh (\(DurationText(storeRefresh))): tokens would run out between readings",
                at: keys.place(of: Fields.storeMaxStale.key, Fields.storeRefresh.key)
            )
        }
        if let stores, stores.count < keys.names(under: Fields.stores.key).count { decoding.incomplete.insert(.stores) }
        if let routes, routes.count < decoding.claims.count { decoding.incomplete.insert(.routes) }
        check(decoding.claims, decoding)
        if let routes, routes.count == decoding.claims.count {
            GatedNeighbours.check(routes, decoding)
            CatalogRoutes.check(routes, decoding)
        }
        if let access, access.groups == nil, let routes,
            routes.contains(where: { $0.policy.grants?.contains { !$0.callers.groups.isEmpty } ?? false })
        {
            GroupsFields.lacksClaim("a grant to groups names nobody", at: keys.place(of: Fields.routes.key), decoding)
        }
        if let access, let routes, routes.count == decoding.claims.count {
            let place = keys.place(ofKey: AccessFields.identity.key, under: Fields.access.key)
            IdentityFields.check(access, routes, at: place, decoding)
        }
        if access?.issuer.isAccess ?? false { decoding.warnOfDoubtsUnderAccess() }
        if let stores, stores.isEmpty {
            let place = keys.place(of: Fields.stores.key)
            decoding.error("there is no store", at: place, hint: "stores: { phase1: { kind: env } }")
        }
        let named = stores?.map { Configuration.NamedStore(name: $0.key, settings: $0.value) }
        let store = live(choice, of: named, keys, decoding)
        if choice == nil, let store { keys.show(Fields.store.key, .value(store.name.text)) }
        let renewed = RenewedTokens.read(tokens, stateChoice, stores: named, live: store, routes, &keys, decoding)
        if let live = stores?.first(where: { $0.key == store?.name }) {
            check(secretsOf: live.span, "the live store", decoding)
        }
        if let state = renewed?.state?.name, state != store?.name, let entry = stores?.first(where: { $0.key == state })
        {
            check(secretsOf: entry.span, "the store that keeps renewed tokens", decoding)
        }
        for entry in tokens ?? [] { check(secretsOf: entry.span, "the token '\(entry.key)'", decoding) }
        let isPathRead = (connectPath != nil) == keys.has(Fields.connectPath.key)
        if let renewed, let routes {
            ConnectPlaces.check(connectPath ?? Configuration.defaultConnectPath, renewed, routes, decoding)
        }
        guard let listen = decoding.part(.listeners, listen, \.listen),
            let admin = decoding.part(.admin, admin, \.admin),
            let adminHosts = decoding.part(.admin, adminHosts, \.adminHosts),
            let access = decoding.part(.access, access, \.access),
            let named = decoding.part(.stores, named, \.stores),
            let store = decoding.part(.store, store, \.store),
            let storeRefresh = decoding.part(.store, storeRefresh, \.storeRefresh),
            let storeMaxStale = decoding.part(.store, storeMaxStale, \.storeMaxStale),
            let renewed = decoding.part(.tokens, isPathRead ? renewed : nil, \.tokens),
            let audit = decoding.part(.audit, audit, \.audit), let limits = decoding.part(.limits, limits, \.limits),
            let reload = decoding.part(.reload, reload, \.reload),
            let log = decoding.part(.log, log, \.log),
            let sends = decoding.part(.telemetry, sends, \.telemetry),
            let routes = decoding.part(.routes, routes, \.routes)
        else { return nil }
        return Draft(
            listen: listen,
            reusesPort: reusesPort,
            admin: admin,
            adminHosts: adminHosts,
            forwardAuth: forwardAuth,
            threads: threads,
            access: access,
            stores: named,
            store: store,
            storeRefresh: storeRefresh,
            storeMaxStale: storeMaxStale,
            tokens: renewed,
            connectPath: connectPath ?? Configuration.defaultConnectPath,
            audit: audit,
            limits: limits,
            reload: reload,
            log: log,
            telemetry: sends,
            routes: decoding.isLenient ? distinct(routes) : routes
        )
    }

    /// Stand-ins for the parts that a lenient reading could not read. They are never shown, and name no real host.
    static let standIn: Draft = {
        let text = """
            version: 1
            access: { issuer: "https://unread.invalid" }
            stores: { unread: { kind: env } }
            routes: [{ name: unread, host: unread.invalid, audience: [unread], upstream: "http://unread.invalid" }]
            """
        guard let root = YAMLReader.read(Array(text.utf8)).root, let draft = shape.decode(root, Decoding([:])) else {
            preconditionFailure("the text above is a configuration")
        }
        return draft.value
    }()

    /// A table of routes knows each name and place once.
    private static func distinct(_ routes: [Route]) -> [Route] {
        var (names, places): (Set<RouteName>, Set<String>) = ([], [])
        return routes.filter { names.insert($0.name).inserted && places.insert("\($0.host) \($0.path.text)").inserted }
    }

    private static func check(_ listen: Endpoint, _ admin: Endpoint, _ keys: Keys, _ decoding: Decoding) {
        let place = keys.place(of: Fields.admin.key)
        if listen == admin, !listen.isEphemeral {
            decoding.error("'admin' is the same address as 'listen'", at: place)
        }
        if !admin.isLocal {
            decoding.warning(
                "the admin listener is open to other machines, and it asks nobody who they are",
                at: place,
                hint: "\(Configuration.defaultAdmin), or a network that only operators reach"
            )
        }
    }

    /// The listener believes everybody who reaches it in which request is asked about.
    private static func check(_ forwardAuth: Endpoint, besides others: [Endpoint?], _ keys: Keys, _ decoding: Decoding)
    {
        let place = keys.place(of: Fields.forwardAuth.key)
        if others.contains(forwardAuth), !forwardAuth.isEphemeral {
            decoding.error("'forward_auth' needs an address of its own", at: place)
        }
        if !forwardAuth.isLocal {
            decoding.error(
                "'forward_auth' is open to other machines: whoever asks there names the request that is judged",
                at: place,
                hint: "127.0.0.1:8081, or unix:/run/gatehouse/forward-auth.sock"
            )
        }
    }

    private static func check(_ claims: [RouteClaim], _ decoding: Decoding) {
        struct Match: Hashable {
            let host: HostPattern
            let path: PathPrefix
        }
        var lines: [RouteName: Int] = [:]
        var matches: [Match: RouteClaim] = [:]
        for claim in claims {
            if let name = claim.name {
                if let line = lines[name] {
                    decoding.error("the route name '\(name)' is taken; first on line \(line)", at: claim.nameSpan)
                } else {
                    lines[name] = claim.nameSpan.start.line
                }
            }
            guard let host = claim.host, let path = claim.path else { continue }
            guard let first = matches.updateValue(claim, forKey: Match(host: host, path: path)) else { continue }
            matches[Match(host: host, path: path)] = first
            decoding.error(
                "this route matches the same requests as the one on line \(first.nameSpan.start.line)",
                at: claim.span,
                hint: "give it another host or path"
            )
        }
    }

    /// Every part that is in use needs its secrets now.
    private static func check(secretsOf part: YAMLSpan, _ user: String, _ decoding: Decoding) {
        for (name, span) in decoding.secretVariables where (decoding.environment[name] ?? "").isEmpty {
            guard (part.start.offset..<part.end.offset).contains(span.start.offset) else { continue }
            decoding.error("the environment variable \(name) is not set, and \(user) needs it", at: span)
        }
    }

    /// The store that a key names.
    static func chosen(
        _ choice: StoreChoice,
        of stores: [Configuration.NamedStore]?,
        _ keys: Keys,
        _ decoding: Decoding
    ) -> Configuration.NamedStore? {
        let names = keys.names(under: Fields.stores.key)
        guard !names.contains(choice.name) else { return stores?.first { $0.name.text == choice.name } }
        guard !names.isEmpty else { return nil }
        let nearest = Spelling.nearest(choice.written, in: names)
        decoding.error(
            "there is no store \(PlainText.echo(choice.written))",
            at: choice.span,
            hint: nearest.map { "did you mean '\($0)'?" } ?? "stores: \(names.joined(separator: ", "))"
        )
        return nil
    }

    private static func live(
        _ choice: StoreChoice?,
        of stores: [Configuration.NamedStore]?,
        _ keys: Keys,
        _ decoding: Decoding
    ) -> Configuration.NamedStore? {
        if let choice { return chosen(choice, of: stores, keys, decoding) }
        let names = keys.names(under: Fields.stores.key)
        if keys.isMeant(Fields.store.key) { return nil }
        if names.count > 1 {
            decoding.error(
                "'store' is missing, and there are several stores",
                at: keys.place(ofKey: Fields.stores.key),
                hint: "one of \(names.joined(separator: ", "))"
            )
            return nil
        }
        return stores?.first
    }
}

extension Configuration {
    init(
        _ draft: Draft,
        text: [UInt8],
        warnings: [Diagnostic],
        parts: [Part] = [],
        readRoutes: [ReadRoute] = [],
        unread: Set<Section> = [],
        incomplete: Set<Section> = []
    ) {
        listen = draft.listen
        reusesPort = draft.reusesPort
        admin = draft.admin
        adminHosts = draft.adminHosts
        forwardAuth = draft.forwardAuth
        threads = draft.threads
        access = draft.access
        stores = draft.stores
        store = draft.store
        storeRefresh = draft.storeRefresh
        storeMaxStale = draft.storeMaxStale
        tokens = draft.tokens.settings
        state = draft.tokens.state
        connectPath = draft.connectPath
        audit = draft.audit
        limits = draft.limits
        reload = draft.reload
        log = draft.log
        telemetry = draft.telemetry
        self.text = text
        routes = RouteTable(draft.routes)
        self.warnings = warnings
        self.parts = parts
        self.readRoutes = readRoutes
        self.unread = unread
        self.incomplete = incomplete
    }
}

extension Endpoint {
    /// Whether the system chooses the port, so that two equal addresses do not meet.
    fileprivate var isEphemeral: Bool {
        if case .tcp(_, 0) = self { true } else { false }
    }
}
