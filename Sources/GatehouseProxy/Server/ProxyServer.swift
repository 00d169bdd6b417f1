package import GatehouseCore
package import GatehouseMCP
package import SocketLoop
internal import Synchronization

/// The listener and its event loops.
package final class ProxyServer: Sendable {
    private let loops: [LoopBound<ProxyLoop>]
    private let listeners = Mutex<[LoopBound<[SocketListener]>]>([])
    private let open = ConnectionCount()
    /// Client connections that are served at once: what the limits allow, or fewer where fewer fit.
    package let maximumConnections: Int
    private let descriptors: DescriptorLimit
    /// Connections accepted so far: they go round the loops, for cloudflared opens few.
    private let accepted = Atomic<Int>(0)

    /// - Parameters:
    ///   - descriptors: what of them connections may take. More than fit, and more than the limits allow, are answered 503 `overloaded`.
    ///   - makeLoop: makes what one event loop owns; called on that loop, with its position.
    package init(
        _ eventLoops: [EpollLoop],
        limits: ServerLimits,
        descriptors: DescriptorLimit = .current,
        makeLoop: @escaping @Sendable (EpollLoop, Int) -> ProxyLoop
    ) async throws {
        var loops: [LoopBound<ProxyLoop>] = []
        for (index, eventLoop) in eventLoops.enumerated() {
            loops.append(try await eventLoop.submit { LoopBound(makeLoop(eventLoop, index), on: eventLoop) })
        }
        self.loops = loops
        maximumConnections = min(limits.connections, descriptors.connections)
        self.descriptors = descriptors
    }

    /// Binds and accepts.
    ///
    /// - Parameters:
    ///   - isShared: whether another instance may listen there too, to take over or to be taken over from.
    ///   - takesQuestions: whether what comes there are questions of another proxy about its own requests.
    /// - Returns: the port that was bound, chosen by the system for port 0; nil for a unix socket.
    package func listen(
        on address: Endpoint,
        isShared: Bool = false,
        takesQuestions: Bool = false
    ) async throws -> Int? {
        let acceptor = loops[0].loop
        let (sockets, port) = try await SocketListener.listen(
            on: address,
            unixMode: Endpoint.unixMode,
            isShared: isShared,
            loop: acceptor
        ) { [self] descriptor in
            let next = loops[accepted.wrappingAdd(1, ordering: .relaxed).oldValue % loops.count]
            if next.loop === acceptor { return adopt(descriptor, on: next.value, takesQuestions) }
            let isTaken = next.loop.execute { [self] in adopt(descriptor, on: next.value, takesQuestions) }
            if !isTaken { StreamSocket.discard(descriptor) }
        }
        listeners.withLock { $0.append(sockets) }
        return port
    }

    private func adopt(_ descriptor: CInt, on loop: ProxyLoop, _ takesQuestions: Bool) {
        // One that cannot be watched is closed already.
        guard let socket = try? StreamSocket(adopting: descriptor, on: loop.eventLoop) else { return }
        guard descriptor < descriptors.ceiling, open.enter(below: maximumConnections) else {
            return OverloadedConnection(socket, loop: loop).begin()
        }
        ClientConnection(socket, loop: loop, takesQuestions: takesQuestions) { [open] in open.leave() }.begin()
    }

    /// Puts other keys of sessions in force on every loop.
    package func replaceSessions(_ tags: SessionTags) {
        for loop in loops { loop.loop.execute { loop.value.replaceSessions(tags) } }
    }

    /// Puts other personal tokens in force on every loop.
    package func replacePersonal(_ tokens: PersonalTokens) {
        for loop in loops { loop.loop.execute { loop.value.replacePersonal(tokens) } }
    }

    /// Puts a new snapshot in force on every loop. No connection is dropped.
    ///
    /// - Parameter change: what changes in the same step on a loop, by its position: no request sees the one without the other.
    package func replaceSnapshot(
        _ snapshot: ProxySnapshot,
        with change: @escaping @Sendable (_ loop: Int) -> Void = { _ in }
    ) {
        for (index, loop) in loops.enumerated() {
            loop.loop.execute {
                loop.value.replaceSnapshot(snapshot)
                change(index)
            }
        }
    }

    /// Runs a closure on each loop and gathers the results.
    package func onEachLoop<Result: Sendable>(_ body: @escaping @Sendable (ProxyLoop) -> Result) async throws
        -> [Result]
    {
        var results: [Result] = []
        for loop in loops { results.append(try await loop.loop.submit { body(loop.value) }) }
        return results
    }

    package var openConnections: Int { open.value }

    /// The time that connections have at least which come while another instance takes over.
    private static let lateGrace: Duration = .seconds(1)

    private static func leave(_ listeners: [LoopBound<[SocketListener]>]) async {
        await withDiscardingTaskGroup { group in
            for listeners in listeners { group.addTask { await SocketListener.leave(listeners) } }
        }
    }

    /// Stops accepting, lets what is under way end, and closes the rest when the grace period is over.
    ///
    /// - Parameter handsOver: whether another instance takes new connections: then idle ones get the time to bring one more request, whose
    ///   answer tells the client to connect anew.
    package func drain(within grace: Duration, handsOver: Bool = false) async {
        // The reference is dropped, because the listeners hold this server and the server held them.
        let closing = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        var deadline = ContinuousClock.now + grace
        async let left: Void = Self.leave(closing)
        // Connections that a closing listener still accepts are on their loops before the loops begin to drain. Where another instance takes new
        // ones, some come here for a second more: those drain from their start.
        if !handsOver { await left }
        _ = try? await onEachLoop { $0.beginDraining(handsOver: handsOver) }
        await left
        // Those that came last are on their way to their loops, and have time for one request each.
        _ = try? await onEachLoop { _ in }
        if handsOver { deadline = max(deadline, .now + Self.lateGrace) }
        while openConnections > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        _ = try? await onEachLoop { $0.closeEverything() }
        // A socket reports its end after the turn of the loop in which it was closed.
        _ = try? await onEachLoop { _ in }
    }
}

/// Client connections open now, on all loops. Touched when a connection opens or closes, never by a request.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func enter(below limit: Int) -> Bool {
        if count.wrappingAdd(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
