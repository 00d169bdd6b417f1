package import GatehouseCore

/// The content of `gatehouse.yaml`, as values that cannot be wrong. Immutable; a reload reads a new one.
package struct Configuration: Sendable {
    package static let version = 1
    package static let defaultListen = Endpoint.tcp(host: "127.0.0.1", port: 8080)
    package static let defaultAdmin = Endpoint.tcp(host: "127.0.0.1", port: 9090)
    /// Event loops by default, however many cores there are.
    package static let maximumDefaultThreads = 4
    package static let threadsRange = 1...64
    /// Time between two readings of the store.
    package static let defaultStoreRefresh: Duration = .seconds(30)
    package static let storeRefreshRange: ClosedRange<Duration> = .milliseconds(100)...(.seconds(86_400))
    /// How long the last good tokens serve while the store is down.
    package static let defaultStoreMaxStale: Duration = .seconds(3600)
    package static let storeMaxStaleRange: ClosedRange<Duration> = .seconds(1)...(.seconds(30 * 86_400))

    package static let defaultConnectPath: PathPrefix = {
        do throws(InvalidValue) { return try PathPrefix(parsing: "/.gatehouse") } catch {
            preconditionFailure("the text above is a path")
        }
    }()

    package let listen: Endpoint
    /// Whether another instance of this machine may listen on the same addresses and record beside the same spool.
    package let reusesPort: Bool
    /// Health, metrics and status; never routed through the tunnel.
    package let admin: Endpoint
    /// Names under which the admin listener may be asked, beside addresses and `localhost`.
    package let adminHosts: [Host]
    /// Where another proxy asks about its own requests: on this machine alone.
    package let forwardAuth: Endpoint?
    /// Event loops.
    package let threads: Int
    package let access: AccessSettings
    /// The stores in the order of the file. Never empty.
    package let stores: [NamedStore]
    /// The one of ``stores`` that requests use.
    package let store: NamedStore
    package let storeRefresh: Duration
    package let storeMaxStale: Duration
    /// Tokens that are more than a stored value.
    package let tokens: [TokenName: TokenSettings]
    /// The one of ``stores`` that keeps what tokens need that renew themselves, pins and deny entries, of kind sqlite or postgres; nil where there is none
    /// of these kinds that the file names or that is live.
    package let state: NamedStore?
    /// Where people connect their own tokens.
    package let connectPath: PathPrefix
    package let audit: AuditSettings
    package let limits: ServerLimits
    package let reload: ReloadSettings
    package let log: LogSettings
    /// Nil where nothing is sent.
    package let telemetry: TelemetrySettings?
    /// Never empty; no two match the same requests, no two have the same name.
    package let routes: RouteTable
    /// Warnings to the file's author; after a lenient reading the errors as well.
    package let warnings: [Diagnostic]
    /// Parts that a lenient reading could not read, and that must not be used: others stand in their place.
    package let unread: Set<Section>
    /// Parts of which a lenient reading left something out: a store, a route.
    package let incomplete: Set<Section>
    /// Canonical YAML of all of the above with the defaults filled in, by key; secrets only as the places where they are.
    package let parts: [Part]
    /// The routes as they were read, for the next reading.
    let readRoutes: [ReadRoute]
    /// The bytes that all of this was read from.
    package let text: [UInt8]

    package struct NamedStore: Equatable, Sendable {
        package let name: StoreName
        package let settings: StoreSettings
    }

    /// A key of the top level or one of the routes, and the lines that say it.
    package struct Part: Sendable {
        package let name: String
        package let text: String
    }

    /// Canonical YAML of the whole. Reads back as the same configuration.
    package var effective: String { parts.map(\.text).joined() }

    package func store(named name: String) -> NamedStore? { stores.first { $0.name.text == name } }
}
