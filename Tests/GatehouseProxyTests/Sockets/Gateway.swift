import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Logging
import SocketLoop
import TLSClient
import Testing

@testable import GatehouseProxy

/// A real server in front of a scripted upstream. What every test must leave behind is checked when it ends: no connection,
/// no exchange without an outcome.
final class Gateway: Sendable {
    let server: ProxyServer
    let upstream: RawListener
    let audit: ScriptedAudit
    let callers: ScriptedCallers
    let clock: ScriptedClock
    let address: RawSocket.Address
    /// Answers of the upstream that were taken for the rejection of a token.
    let rejections: Watched<Int>
    /// The log's lines at `warning` and above.
    let warnings: Watched<[String]>

    static let token = "coda-token-1"
    static let sessions = SessionTags(PurposeKeys(current: Secret("the key of this gateway's sessions")))

    private init(
        server: ProxyServer,
        upstream: RawListener,
        audit: ScriptedAudit,
        callers: ScriptedCallers,
        clock: ScriptedClock,
        address: RawSocket.Address,
        rejections: Watched<Int>,
        warnings: Watched<[String]>
    ) {
        self.server = server
        self.upstream = upstream
        self.audit = audit
        self.callers = callers
        self.clock = clock
        self.address = address
        self.rejections = rejections
        self.warnings = warnings
    }

    /// - Parameters:
    ///   - routes: made once the upstream stands; by default one for everything.
    ///   - listener: a unix socket to listen on instead of a port.
    ///   - renewal: asked for newer versions of the token, which renews itself then.
    ///   - network: where its loops and so its upstream are; its clients are not.
    static func run(
        limits: ServerLimits = ServerLimits(),
        threads: Int = 1,
        trustRoots: TLSContext.TrustRoots = .system,
        listener: String? = nil,
        upstream: RawListener? = nil,
        renewal: ProxyLoop.TokenRenewal? = nil,
        pins: [RouteName: RoutePins] = [:],
        onTools: @escaping ProxyLoop.ToolNews = { _, _, _ in },
        network: OwnNetwork? = nil,
        deadPeer: DeadPeer = .standard,
        routes: (RawListener) throws -> [Route] = { [try route($0.url)] },
        _ body: (Gateway) async throws -> Void
    ) async throws {
        var limits = limits
        // A test on a busy machine may let a connection lie for longer than an upstream would.
        if limits.upstreamKeepAlive == ServerLimits.defaultUpstreamKeepAlive {
            limits.upstreamKeepAlive = .seconds(max(60, RawSocket.patience))
        }
        await turns.take()
        do {
            try await withTaskExecutorPreference(BlockingExecutor.shared) {
                let connector = UpstreamConnector(trustRoots: trustRoots, deadPeer: deadPeer)
                try await start(
                    limits,
                    threads,
                    connector,
                    listener,
                    upstream ?? RawListener(),
                    renewal,
                    (pins, onTools),
                    network,
                    routes,
                    body
                )
            }
        } catch {
            await turns.giveBack()
            throw error
        }
        await turns.giveBack()
    }

    private static let turns = Turns(4)

    private static func start(
        _ limits: ServerLimits,
        _ threads: Int,
        _ connector: UpstreamConnector,
        _ listener: String?,
        _ upstream: RawListener,
        _ renewal: ProxyLoop.TokenRenewal?,
        _ pinning: (pins: [RouteName: RoutePins], onTools: ProxyLoop.ToolNews),
        _ network: OwnNetwork?,
        _ routes: (RawListener) throws -> [Route],
        _ body: (Gateway) async throws -> Void
    ) async throws {
        let audit = ScriptedAudit()
        let callers = ScriptedCallers()
        defer {
            audit.forget()
            callers.forget()
        }
        let clock = ScriptedClock()
        let eventLoops = try (0..<threads).map { number in
            guard let network else { return try EpollLoop.start(named: "loop-\(number)") }
            return try network.run { try EpollLoop.start(named: "loop-\(number)") }
        }
        let snapshot = try Self.snapshot(
            routes(upstream),
            renews: renewal != nil,
            limits: limits,
            pins: pinning.pins
        )
        let rates = RateTable()
        let legacy = LegacySessions()
        let rejections = Watched(0)
        let warnings = Watched<[String]>([])
        let logger = Logger(label: "test", factory: { _ in Lines(told: warnings) })
        let server = try await ProxyServer(eventLoops, limits: limits) { eventLoop, _ in
            ProxyLoop(
                eventLoop: eventLoop,
                snapshot: snapshot,
                authenticator: callers.authenticator(on: eventLoop),
                recorder: audit.recorder(on: eventLoop),
                clock: clock,
                connector: connector,
                rates: rates,
                sessions: sessions,
                legacy: legacy,
                onTokenRejected: { _, _, _ in rejections.update { $0 += 1 } },
                renewal: renewal ?? { _, _, _, stays in stays() },
                onTools: pinning.onTools,
                logger: logger
            )
        }
        let port = try await server.listen(on: listener.map { .unix(path: $0) } ?? .tcp(host: "127.0.0.1", port: 0))
        let address = listener.map { RawSocket.Address.unix(path: $0) } ?? .tcp(port: port ?? 0)
        let gateway = Gateway(
            server: server,
            upstream: upstream,
            audit: audit,
            callers: callers,
            clock: clock,
            address: address,
            rejections: rejections,
            warnings: warnings
        )
        do {
            try await body(gateway)
            try await gateway.expectNothingLeft()
        } catch {
            for eventLoop in eventLoops { await eventLoop.stop() }
            throw error
        }
        for eventLoop in eventLoops { await eventLoop.stop() }
    }

    struct Lines: LogHandler {
        let told: Watched<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.warning

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            told.update { $0.append("\(event.message) \(words.joined(separator: " "))") }
        }
    }

    private func expectNothingLeft() async throws {
        await server.drain(within: .seconds(10))
        #expect(server.openConnections == 0)
        #expect(try await server.onEachLoop { $0.connections.count }.allSatisfy { $0 == 0 })
        #expect(try await server.onEachLoop { $0.idleUpstreamConnections }.allSatisfy { $0 == 0 })
        #expect(audit.unpaired.isEmpty)
    }

    /// Waits until every client connection is gone, as the loops see it.
    func expectNoConnections() async throws {
        try await Polling.until("the connections to end") {
            try await server.onEachLoop { $0.connections.count }.allSatisfy { $0 == 0 }
        }
    }

    /// Upstream connections that wait in a pool, of all loops.
    func idle() async throws -> Int { try await server.onEachLoop { $0.idleUpstreamConnections }.reduce(0, +) }

    // MARK: - Making

    static func route(
        _ upstream: String,
        name: String = "coda",
        host: String = "coda.example",
        path: String = "/",
        inject: [String: String] = ["X-Coda-Api-Key": "{token}"],
        strip: Route.Strip = Route.Strip(),
        policy: Policy = .everyone,
        credentials: Set<Route.Credential> = [.access],
        limits: RouteLimits = RouteLimits(),
        timeouts: RouteTimeouts = RouteTimeouts(),
        preservesHost: Bool = false,
        cors: CORS? = nil,
        resourceMetadata: ResourceMetadata? = nil,
        speech: Route.Speech = .http,
        answersErrorsAs200: Bool = false,
        endpoints: EndpointPaths? = nil,
        tls: Upstream.TLS = Upstream.TLS(),
        reflection: Reflection = .off,
        takesWebSockets: Bool = true,
        pin: ToolPinning? = nil
    ) throws -> Route {
        let name = try RouteName(parsing: name)
        return Route(
            name: name,
            host: try HostPattern(parsing: host),
            path: try PathPrefix(parsing: path),
            audiences: ["aud"],
            upstream: try Upstream(parsing: upstream).verified(by: tls),
            speech: speech,
            injections: try inject.sorted { $0.key < $1.key }.map {
                Injection(
                    name: try HeaderName(parsing: $0.key),
                    value: try .init(parsing: $0.value, ownToken: name.ownToken)
                )
            },
            strip: strip,
            policy: policy,
            credentials: credentials,
            limits: limits,
            timeouts: timeouts,
            preservesHost: preservesHost,
            answersErrorsAs200: answersErrorsAs200,
            endpoints: endpoints,
            cors: cors,
            resourceMetadata: resourceMetadata,
            reflection: reflection,
            takesWebSockets: takesWebSockets,
            pin: pin
        )
    }

    static func snapshot(
        _ routes: [Route],
        token: String = token,
        version: Int = 1,
        renews: Bool = false,
        fallsBack: Bool? = nil,
        limits: ServerLimits = ServerLimits(),
        authorities: UpstreamAuthorities? = nil,
        former: FormerTokens = FormerTokens(),
        pins: [RouteName: RoutePins] = [:]
    ) throws -> ProxySnapshot {
        let value = try TokenValue(validating: Secret(token), version: version)
        let coda = try TokenName(parsing: "coda")
        let names = try fallsBack.map {
            TokenSnapshot.PersonalNames([coda: $0], path: try PathPrefix(parsing: "/.gatehouse"))
        }
        return ProxySnapshot(
            table: RouteTable(routes),
            tokens: TokenSnapshot(tokens: [coda: value], renewed: renews ? [coda] : [])
                .personal(names ?? TokenSnapshot.PersonalNames()).following(former),
            limits: limits,
            authorities: try authorities ?? UpstreamAuthorities(of: routes),
            pins: pins
        )
    }

    // MARK: - Talking

    func client(receiveBuffer: Int? = nil) throws -> RawSocket {
        try RawSocket(connectingTo: address, receiveBuffer: receiveBuffer)
    }

    static func get(_ target: String = "/mcp", as caller: String = "alice", _ fields: String...) -> String {
        request("GET", fields, to: target, as: caller)
    }

    static func post(_ target: String = "/mcp", as caller: String = "alice", _ fields: String..., body: String)
        -> String
    {
        request("POST", fields + ["Content-Length: \(body.utf8.count)"], to: target, as: caller) + body
    }

    static func request(
        _ method: String,
        _ fields: [String] = [],
        to target: String = "/mcp",
        as caller: String = "alice"
    ) -> String {
        let lines =
            ["\(method) \(target) HTTP/1.1", "Host: coda.example", "Cf-Access-Jwt-Assertion: \(caller)"] + fields
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    static let okay = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

    /// Sends one GET over both connections and answers it.
    func exchange(_ client: RawSocket, over connection: RawSocket? = nil) throws -> RawSocket {
        try client.send(Self.get())
        let connection = try connection ?? upstream.accept()
        _ = try connection.receive(through: "\r\n\r\n")
        try connection.send(Self.okay)
        let answer = try client.receiveAnswer()
        #expect(answer.status == 200)
        #expect(answer.text == "{}")
        return connection
    }
}
