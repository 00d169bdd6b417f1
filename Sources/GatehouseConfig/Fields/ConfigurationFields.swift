internal import GatehouseCore
internal import YAMLReader

/// The keys at the top level: the root of everything that a schema or a reference page says.
package enum ConfigurationFields {
    static let version = Field(
        "version",
        .integer(Configuration.version...Configuration.version),
        .required,
        "The version of this format: 1."
    )
    static let listen = Field(
        "listen",
        Shape<Endpoint>.parsed(wanted: "a listener", Endpoint.init(parsing:)),
        .fallback(Configuration.defaultListen),
        "Where requests arrive: `HOST:PORT`, or `unix:/path` (mode 0660)."
    )
    static let reusePort = Field(
        "reuse_port",
        .boolean,
        "Let a second instance of this machine listen on the same addresses: one takes over from another, or two are restarted in turn, and no request fails. Off by default."
    )
    static let admin = Field(
        "admin",
        Shape<Endpoint>.parsed(wanted: "a listener", Endpoint.init(parsing:)),
        .fallback(Configuration.defaultAdmin),
        "Health, metrics and status; never routed through the tunnel."
    )
    static let adminHosts = Field(
        "admin_hosts",
        Shape<[Host]>.list(
            of: .parsed(wanted: "a host name", Host.init(parsing:)),
            wanted: "a list of host names"
        ),
        .fallback([]),
        "Names under which the admin listener may be asked, beside addresses and `localhost`: a scraper's name for this container."
    )
    static let forwardAuth = Field(
        "forward_auth",
        Shape<Endpoint>.parsed(wanted: "a listener", Endpoint.init(parsing:)),
        "Where another proxy of this machine asks whether it may forward a request: `127.0.0.1:PORT`, or `unix:/path` (mode 0660). Off by default."
    )
    static let threads = Field(
        "threads",
        .integer(Configuration.threadsRange),
        "Event loops; by default the cores the process may use, at most 4."
    )
    static let access = Field("access", AccessFields.shape, .required, "Whose assertions are believed.")
    static let stores = Field(
        "stores",
        Shape<[TableEntry<StoreName, StoreSettings>]>.table(
            of: StoreFields.shape,
            wanted: "a mapping of names to stores",
            keyWanted: "the name of a store",
            key: StoreName.init(parsing:)
        ),
        .required,
        "Where upstream tokens are kept, by name; `store` picks the live one."
    )
    static let store = Field(
        "store",
        Shape<StoreChoice>.storeChoice,
        "The live one of `stores`; may be left out when there is only one."
    )
    static let storeRefresh = Field(
        "store_refresh",
        .duration(Configuration.storeRefreshRange),
        .fallback(Configuration.defaultStoreRefresh),
        "Between two readings of the store."
    )
    static let storeMaxStale = Field(
        "store_max_stale",
        .duration(Configuration.storeMaxStaleRange),
        .fallback(Configuration.defaultStoreMaxStale),
        "How long the last good tokens serve while the store is down."
    )
    static let tokens = Field(
        "tokens",
        Shape<[TableEntry<TokenName, TokenSettings>]>.table(
            of: TokenFields.shape,
            wanted: "a mapping of names to tokens",
            keyWanted: "the name of a token",
            key: TokenName.init(parsing:)
        ),
        "Tokens that are more than a stored value, by name. One without an entry is what operators set."
    )
    static let state = Field(
        "state",
        Shape<StoreChoice>.storeChoice,
        "Where renewed and personal tokens, pins, and the entries of `gatehouse deny` are kept: one of `stores`, of kind `sqlite` or `postgres`; by default the live one."
    )
    static let connectPath = Field(
        "connect_path",
        Shape<PathPrefix>.parsed(wanted: "a path", PathPrefix.init(parsing:)),
        "Where people connect their personal tokens, on every host that has such tokens; by default `/.gatehouse`."
    )
    static let audit = Field(
        "audit",
        AuditFields.shape,
        .fallback(.standard),
        "What is recorded of each request, and where."
    )
    static let limits = Field(
        "limits",
        ServerLimitFields.shape,
        .fallback(ServerLimits()),
        "Bounds and waits of the listener."
    )
    static let reload = Field(
        "reload",
        ReloadFields.shape,
        .fallback(ReloadSettings()),
        "What a reload does by itself."
    )
    static let log = Field(
        "log",
        LogFields.shape,
        .fallback(LogSettings()),
        "What the log of `serve` tells."
    )
    static let telemetry = Field(
        "telemetry",
        TelemetryFields.shape,
        "Where spans of requests and metrics are sent; nothing is sent by default. Read at the start."
    )
    static let routes = Field(
        "routes",
        Shape<[Route]>.list(
            of: RouteFields.shape.unlessRead,
            minimum: 1,
            wanted: "a list of routes",
            isDivisible: true
        ),
        .required,
        "What is served, to whom, from where."
    )

    /// Everything the file may say, in the order of the reference page.
    package static let all = [
        version.form, listen.form, reusePort.form, admin.form, adminHosts.form, forwardAuth.form, threads.form,
        access.form, stores.form,
        store.form,
        storeRefresh.form,
        storeMaxStale.form, tokens.form, state.form, connectPath.form, audit.form, limits.form, reload.form, log.form,
        telemetry.form,
        routes.form,
    ]
}

/// The value of `store:`, before the stores are known.
struct StoreChoice: Sendable {
    let name: String
    let written: String
    let span: YAMLSpan
}

extension Shape where Value == StoreChoice {
    fileprivate static let storeChoice = Shape(.text(wanted: "the name of a store"), show: { .value($0.name) }) {
        node,
        decoding in
        decoding.text(node, wanted: "the name of a store").map { scalar in
            let choice = StoreChoice(name: scalar.text, written: scalar.written, span: scalar.span)
            return Decoded(value: choice, shown: .value(scalar.text))
        }
    }
}
