internal import CurlClient
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Logging
internal import SocketLoop
internal import Synchronization

/// Everything on loopback: an issuer like Access, a small MCP server, and Gatehouse in front of it, put together as `gatehouse serve`
/// would. Makes a series of calls and checks each, so a demo that ends well has shown what it says.
package struct Demo: Sendable {
    /// Gets each line of the story.
    private let say: @Sendable (String) -> Void
    private let usesColor: Bool

    package init(usesColor: Bool, say: @escaping @Sendable (String) -> Void) {
        self.say = say
        self.usesColor = usesColor
    }

    /// - Parameter lingering: returns when the caller wants the end; everything keeps running until then. Nil to end at once.
    /// - Throws: ``GatehouseError`` when a step did not do what it should.
    package func run(lingering: (@Sendable () async -> Void)? = nil) async throws {
        let loop = try EpollLoop.start(named: "demo")
        let place = try DemoPlace()
        defer { place.remove() }
        do {
            try await run(in: place, loop, lingering)
        } catch {
            await loop.stop()
            throw error
        }
        await loop.stop()
    }

    private func run(
        in place: DemoPlace,
        _ loop: EpollLoop,
        _ lingering: (@Sendable () async -> Void)?
    ) async throws {
        let (issuer, certs) = try await startIssuer(loop)
        let mcp = DemoMCP()
        let server = try await LoopbackServer.start(on: loop) { mcp.answer($0) }
        try place.prepare(issuer: issuer.issuer, mcpPort: server.port)
        let configuration = try Configuration.read(path: place.configuration)
        let store = try StoreAssembly.store(configuration.store.settings, names: configuration.tokenNames)
        let name = try TokenName(parsing: "demo")
        try await store.set(name, to: Secret("first-demo-token"), try TokenChange(actor: "demo"))

        let (ports, announce) = AsyncStream.makeStream(of: (listen: Int, admin: Int).self)
        let gatehouse = try await Gatehouse(
            configuration,
            logger: Logger(label: "demo", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { listen, admin in
            announce.yield((listen ?? 0, admin ?? 0))
            announce.finish()
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { announce.finish() }
                try await gatehouse.run()
            }
            guard let (port, admin) = await ports.first(where: { _ in true }) else {
                try await tasks.next()
                throw GatehouseError(.listener, "the demo's Gatehouse did not start")
            }
            let story = DemoStory(
                port: port,
                issuer: issuer,
                mcp: mcp,
                store: store,
                token: name,
                database: place.database,
                usesColor: usesColor,
                say: say
            )
            do {
                try await story.tell()
                if let lingering {
                    try story.invite(admin: admin, configuration: place.configuration)
                    await lingering()
                }
            } catch {
                gatehouse.stop()
                throw error
            }
            gatehouse.stop()
            try await tasks.waitForAll()
        }
        await server.close()
        await certs.close()
    }

    /// The issuer's own name holds its port, so its server is started first and answers once the key is made.
    private func startIssuer(_ loop: EpollLoop) async throws -> (DemoIssuer, LoopbackServer) {
        let keySet = Mutex("")
        let certs = try await LoopbackServer.start(on: loop) { request in
            request.path == "/cdn-cgi/access/certs"
                ? LoopbackServer.Answer(type: "application/json", body: keySet.withLock { $0 })
                : LoopbackServer.Answer(status: .notFound, body: "{}")
        }
        let issuer = try DemoIssuer(issuer: "http://127.0.0.1:\(certs.port)")
        let published = try issuer.keySet
        keySet.withLock { $0 = published }
        return (issuer, certs)
    }
}
