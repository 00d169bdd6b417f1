package import GatehouseCore
package import GatehouseMCP
package import Logging
internal import NIOCore
package import SocketLoop
internal import Synchronization

/// A client connection as its loop sees it.
protocol ServedConnection: AnyObject {
    /// The connection's position in the loop's list.
    var position: Int { get set }
    var isIdle: Bool { get }
    /// Called a few times a second: deadlines, silence, expiry.
    func sweep(now: MonotonicTime, wall: Timestamp)
    func snapshotReplaced()
    func personalReplaced(_ old: PersonalTokens)
    func drainBegan()
    func closeNow()
}

/// Everything one event loop owns: its view of the configuration, its upstream connections, its counters. Confined to the
/// loop, so requests take no lock.
package final class ProxyLoop {
    package let eventLoop: EpollLoop
    /// Buffers for heads of requests, in which tokens stand, are separate from the buffers for heads that clients are sent.
    var requestHeads = SpareBuffer()
    var answerHeads = SpareBuffer()
    package let metrics = LoopMetrics()
    private(set) var snapshot: ProxySnapshot
    /// The tokens of persons; apart from the snapshot, because one of them changes far more often than a route does.
    private(set) var personal = PersonalTokens.none
    let authenticator: any AssertionAuthenticator
    private(set) var recorder: any AuditRecorder
    private let auditRecorder: any AuditRecorder
    private let accessLog: AccessLog?
    /// The requests that the log is to mention.
    private(set) var tally = RefusalTally()
    let clock: any WallClock
    let connector: UpstreamConnector
    private let onTokenRejected: TokenRejection
    let renewal: TokenRenewal
    let onTools: ToolNews
    /// Whether each request is a span of a trace, which the recorder takes and the upstream is named as its parent.
    let traces: Bool
    let logger: Logger
    var random = FastRandom()
    var gate: GateTables
    var patterns = PatternCache()
    var personalLines = PersonalLines()
    var heldBodies = HeldBodies()
    /// One for each of the snapshot's upstreams, by position.
    private(set) var pools: [UpstreamPool]
    private(set) var connections: [any ServedConnection] = []
    private(set) var isDraining = false
    /// Whether another instance takes the new connections meanwhile.
    private(set) var handsOver = false
    /// Connections beyond the limit that were answered and are not closed yet.
    var answeredOverloads = 0
    private var isSweeping = false
    private var sweeping = SweepRound(interval: sweepInterval)
    private let descriptors: DescriptorLimit

    /// Deadlines are met within this much of their time, or within twice as much while hundreds of connections come.
    package static let sweepInterval: TimeSpan = .milliseconds(250)

    /// An upstream answered 401 to a token that was injected.
    package typealias TokenRejection = @Sendable (Route, TokenName, _ version: Int) -> Void

    /// Asks for a newer version of a token that an upstream rejected, of its owner if it is personal, and returns at once. A newer version comes in a snapshot; where none comes,
    /// what is handed over is called, from anywhere.
    package typealias TokenRenewal =
        @Sendable (
            TokenName, TokenOwner?, _ version: Int, _ stays: @escaping @Sendable () -> Void
        ) -> Void

    /// Takes the tools that a list defines in another way than was seen last, on a route that pins them, and whether its upstream says that its list has
    /// changed. Returns at once.
    package typealias ToolNews = @Sendable (Route, [ToolDefinition], _ hasChanged: Bool) -> Void

    /// Makes what writes the access log before it records: for as long as the configuration asks for one.
    package typealias AccessLog = (any AuditRecorder) -> any AuditRecorder

    package init(
        eventLoop: EpollLoop,
        snapshot: ProxySnapshot,
        authenticator: any AssertionAuthenticator,
        recorder: any AuditRecorder,
        accessLog: AccessLog? = nil,
        clock: any WallClock,
        connector: UpstreamConnector,
        descriptors: DescriptorLimit = .current,
        rates: RateTable,
        sessions: SessionTags,
        legacy: LegacySessions,
        onTokenRejected: @escaping TokenRejection = { _, _, _ in },
        renewal: @escaping TokenRenewal = { _, _, _, stays in stays() },
        onTools: @escaping ToolNews = { _, _, _ in },
        traces: Bool = false,
        logger: Logger = Logger(label: "gatehouse.proxy", factory: { _ in SwiftLogNoOpLogHandler() })
    ) {
        self.eventLoop = eventLoop
        self.snapshot = snapshot
        self.authenticator = authenticator
        self.recorder = recorder
        auditRecorder = recorder
        self.accessLog = accessLog
        self.clock = clock
        self.connector = connector
        self.descriptors = descriptors
        self.onTokenRejected = onTokenRejected
        self.renewal = renewal
        self.onTools = onTools
        self.traces = traces
        self.logger = logger
        gate = GateTables(sessions, legacy: legacy, rates: rates, logger: logger)
        let ceiling = descriptors.ceiling
        pools = snapshot.upstreams.map {
            UpstreamPool($0, bound: snapshot.limits.upstreamIdle, ceiling: ceiling)
        }
        if snapshot.logging == .all { self.recorder = accessLog?(recorder) ?? recorder }
    }

    /// Puts a new snapshot in force for later requests. Idle connections to upstreams that stay are kept.
    package func replaceSnapshot(_ new: ProxySnapshot) {
        eventLoop.preconditionInLoop()
        var old: [PooledUpstream: UpstreamPool] = [:]
        for pool in pools { old[pool.upstream] = pool }
        pools = new.upstreams.map {
            old.removeValue(forKey: $0)
                ?? UpstreamPool($0, bound: new.limits.upstreamIdle, ceiling: descriptors.ceiling)
        }
        for pool in old.values { pool.retire() }
        if (new.logging == .all) != (snapshot.logging == .all) {
            recorder = new.logging == .all ? accessLog?(auditRecorder) ?? auditRecorder : auditRecorder
        }
        snapshot = new
        personalLines = PersonalLines()
        patterns = PatternCache()
        metrics.retire(keeping: new.table)
        for connection in connections where !connection.isIdle { connection.snapshotReplaced() }
    }

    /// Puts other personal tokens in force for later requests.
    package func replacePersonal(_ new: PersonalTokens) {
        eventLoop.preconditionInLoop()
        let old = personal
        personal = new
        personalLines = PersonalLines()
        patterns.forgetPersonal()
        for connection in connections where !connection.isIdle { connection.personalReplaced(old) }
    }

    /// Counts a request that was refused or failed, for the log.
    func count(_ reason: Reason, _ exchange: Exchange, address: UnsafeRawBufferPointer = AuditFacts.nothing) {
        if case .off = snapshot.logging, !RefusalTally.isFailure(reason) { return }
        tally.count(reason, exchange, address: address)
    }

    package func takeTally() -> RefusalTally { tally.taken() }

    /// Binds and checks sessions by other keys for requests from now on. What was found of callers under the old ones is forgotten.
    package func replaceSessions(_ tags: SessionTags) {
        eventLoop.preconditionInLoop()
        gate.callers = CallerCaches(tags)
    }

    func pool(at position: Int, of holder: ProxySnapshot) -> UpstreamPool {
        if holder === snapshot { return pools[position] }
        // A request that began under an older snapshot: its upstream may have moved or gone.
        let upstream = holder.upstreams[position]
        return pools.first { $0.upstream == upstream } ?? UpstreamPool(upstream, bound: 0, ceiling: 0)
    }

    /// Event streams, websockets and requests that are under way now.
    package var openExchanges: Int { connections.count { !$0.isIdle } }

    /// Upstream connections that wait for a request.
    package var idleUpstreamConnections: Int { pools.reduce(0) { $0 + $1.count } }

    /// To be called with the status of every final response head.
    func upstreamAnswered(_ route: PreparedRoute, status: Int) {
        guard status == 401, let token = route.token, token.name != route.renewed?.name else { return }
        onTokenRejected(route.route, token.name, token.version)
    }

    // MARK: - Connections

    func add(_ connection: any ServedConnection) {
        connection.position = connections.count
        connections.append(connection)
        if !isSweeping { startSweep() }
    }

    func remove(_ connection: any ServedConnection) {
        guard connection.position < connections.count, connections[connection.position] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.position] = last
            last.position = connection.position
        }
    }

    /// No new exchange on any connection; what is under way ends in its own time.
    package func beginDraining(handsOver: Bool = false) {
        eventLoop.preconditionInLoop()
        isDraining = true
        self.handsOver = handsOver
        for connection in Array(connections) { connection.drainBegan() }
        for pool in pools { pool.retire() }
    }

    /// Closes what has not ended within the grace period.
    package func closeEverything() {
        eventLoop.preconditionInLoop()
        for connection in Array(connections) { connection.closeNow() }
        for pool in pools { pool.retire() }
    }

    // MARK: - Deadlines

    /// One timer for all connections: a timer for each request costs an allocation and two heap operations.
    private func startSweep() {
        isSweeping = true
        eventLoop.schedule(after: sweeping.pause) { [weak self] in self?.sweepOnce() }
    }

    private func sweepOnce() {
        let now = eventLoop.now
        let wall = clock.now()
        for index in sweeping.turn(of: connections.count).reversed() where index < connections.count {
            connections[index].sweep(now: now, wall: wall)
        }
        guard sweeping.isOver else { return startSweep() }
        var idle = 0
        for pool in pools {
            idle += pool.closeExpired(now: now, after: snapshot.waits.upstreamKeepAlive)
            pool.follow(now: now, on: eventLoop)
        }
        if connections.isEmpty, idle == 0 { isSweeping = false } else { startSweep() }
    }
}
