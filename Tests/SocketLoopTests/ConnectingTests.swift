import Foundation
import GatehouseCore
import GatehouseTestSupport
import NIOCore
import Synchronization
import Testing

@testable import SocketLoop

/// Listening and connecting, each against the test's own sockets.
@Suite(.blocking) struct ConnectingTests {
    private static func path(_ name: String) -> String {
        "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max))-\(name).sock"
    }

    private enum Outcome: Sendable, Equatable {
        case stands
        case failed(String)
    }

    /// Connects, and closes an established connection.
    private static func connect(to endpoint: Endpoint, within timeout: TimeSpan? = nil) async throws
        -> Outcome
    {
        let loop = try EpollLoop.start(named: "test")
        let outcome = Watched<Outcome?>(nil)
        try await loop.submit {
            SocketConnector.connect(to: endpoint, tls: nil, within: timeout, on: loop) { result in
                switch result {
                case .success(let socket):
                    socket.close()
                    outcome.update { $0 = .stands }
                case .failure(let error): outcome.update { $0 = .failed(error.message) }
                }
            }
        }
        try outcome.wait("an outcome") { $0 != nil }
        await loop.stop()
        return outcome.read { $0 } ?? .failed("none")
    }

    @Test func `a connection is made to an address, a name and a path`() async throws {
        let listener = try RawListener()
        #expect(try await Self.connect(to: .tcp(host: "127.0.0.1", port: listener.address.port)) == .stands)
        // Listens on IPv4 only: where the name stands for IPv6, too, the second address is tried.
        #expect(try await Self.connect(to: .tcp(host: "localhost", port: listener.address.port)) == .stands)
        let path = Self.path("connect")
        defer { unlink(path) }
        let unix = try RawListener(path: path)
        #expect(try await Self.connect(to: .unix(path: path)) == .stands)
        _ = unix
    }

    @Test func `what cannot be connected to says why`() async throws {
        let port = try DeadPort()
        #expect(
            try await Self.connect(to: .tcp(host: "127.0.0.1", port: port.number))
                == .failed("connect: Connection refused")
        )
        #expect(
            try await Self.connect(to: .unix(path: Self.path("none"))) == .failed("connect: No such file or directory")
        )
        let long = "/" + String(repeating: "x", count: 200)
        #expect(try await Self.connect(to: .unix(path: long)) == .failed("\(long): File name too long"))
        // A name that the reserved domain never has (RFC 6761 section 6.4), or no resolver at all.
        let outcome = try await Self.connect(to: .tcp(host: "gatehouse.invalid", port: 1), within: .seconds(40))
        #expect(outcome != .stands)
    }

    @Test func `a listener hands on connections, non-blocking, and stops when closed`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let accepted = Watched<[Int32]>([])
        let (listeners, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
            descriptor in accepted.update { $0.append(descriptor) }
        }
        let clients = try (0..<100).map { _ in try RawSocket(connectingTo: .tcp(port: try #require(port))) }
        try accepted.wait("all connections") { $0.count == clients.count }
        for descriptor in accepted.read({ $0 }) {
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            var noDelay: Int32 = 0
            var size = socklen_t(4)
            getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, &size)
            #expect(noDelay == 1)
            StreamSocket.discard(descriptor)
        }
        try await loop.submit { listeners.value.forEach { $0.close() } }
        #expect(throws: (any Error).self) { try RawSocket(connectingTo: .tcp(port: port ?? 0)) }
        await loop.stop()
    }

    @Test func `localhost is both loopback addresses, on one port`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let (listeners, port) = try await SocketListener.listen(on: .tcp(host: "localhost", port: 0), loop: loop) {
            StreamSocket.discard($0)
        }
        let number = try #require(port)
        // The test's machine may have no IPv6.
        let hasSix = (try? await SocketListener.listen(on: .tcp(host: "::1", port: 0), loop: loop) { _ in }) != nil
        #expect(try await loop.submit { listeners.value.count } == (hasSix ? 2 : 1))
        #expect(try await Self.connect(to: .tcp(host: "127.0.0.1", port: number)) == .stands)
        if hasSix { #expect(try await Self.connect(to: .tcp(host: "::1", port: number)) == .stands) }
        // Taken on one of them is taken.
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .tcp(host: "localhost", port: number), loop: loop) { _ in }
        }
        try await loop.submit { listeners.value.forEach { $0.close() } }
        await loop.stop()
    }

    /// The kernel resets queued connections of a listener that closes.
    @Test func `a listener that closes accepts what waits`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let accepted = Watched<[Int32]>([])
        let (listeners, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
            descriptor in accepted.update { $0.append(descriptor) }
        }
        // All within one turn of the loop, so that it has accepted none when it closes.
        let count = 100
        let clients = try await loop.submit {
            defer { for listener in listeners.value { listener.close() } }
            return Result {
                try (0..<count).map { _ in LoopBound(try RawSocket(connectingTo: .tcp(port: port ?? 0)), on: loop) }
            }
        }.get()
        #expect(accepted.read { $0.count } == count)
        for descriptor in accepted.read({ $0 }) { StreamSocket.discard(descriptor) }
        try await loop.submit {
            for client in clients {
                #expect(throws: Never.self) { try client.value.receiveToEnd() }
                client.value.close()
            }
        }
        await loop.stop()
    }

    @Test(arguments: [true, false])
    func `of two that share an address the second gets what is new`(isUnix: Bool) async throws {
        let loop = try EpollLoop.start(named: "test")
        let counts = Watched<[Int]>([0, 0])
        let path = Self.path("shared")
        defer { unlink(path) }
        func listen(_ index: Int, _ port: Int) async throws -> (LoopBound<[SocketListener]>, Int) {
            let endpoint: Endpoint = isUnix ? .unix(path: path) : .tcp(host: "127.0.0.1", port: port)
            let (listeners, port) = try await SocketListener.listen(on: endpoint, isShared: true, loop: loop) {
                descriptor in
                counts.update { $0[index] += 1 }
                StreamSocket.discard(descriptor)
            }
            return (listeners, port ?? 0)
        }
        func connect(_ port: Int, expecting expected: [Int]) async throws {
            let address: RawSocket.Address = isUnix ? .unix(path: path) : .tcp(port: port)
            for _ in 0..<50 { _ = try RawSocket(connectingTo: address).receiveToEnd(orReset: true) }
            #expect(counts.read { $0 } == expected)
        }
        let (first, port) = try await listen(0, 0)
        try await connect(port, expecting: [50, 0])
        let (second, _) = try await listen(1, port)
        // The second has asked at the path whether the first still listens.
        let asked = isUnix ? 1 : 0
        try await connect(port, expecting: [50 + asked, 50])
        try await loop.submit { first.value.forEach { $0.close() } }
        try await connect(port, expecting: [50 + asked, 100])
        // One that does not share takes nothing away.
        await #expect(throws: SocketError.self) {
            let endpoint: Endpoint = isUnix ? .unix(path: path) : .tcp(host: "127.0.0.1", port: port)
            _ = try await SocketListener.listen(on: endpoint, loop: loop) { _ in }
        }
        try await loop.submit { second.value.forEach { $0.close() } }
        await loop.stop()
    }

    /// Each of two or three that share an address, by the order in which they came.
    private static let leavers = [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]

    @Test(arguments: leavers, ["127.0.0.1", "0.0.0.0", "unix"])
    func `one that leaves sends what is new to another first, and closes then`(
        leaver: (index: Int, count: Int),
        host: String
    ) async throws {
        // A process has one name beside the path.
        guard host != "unix" || leaver.count == 2 else { return }
        let loop = try EpollLoop.start(named: "test")
        let path = Self.path("leaves")
        defer { for path in [path, "\(path).\(getpid())"] { unlink(path) } }
        let leaving = Watched<LoopBound<[SocketListener]>?>(nil)
        let arrived = Watched<[(index: Int, leaverListens: Bool)]>([])
        var listeners: [LoopBound<[SocketListener]>] = []
        var port = 0
        for index in 0..<leaver.count {
            let endpoint: Endpoint = host == "unix" ? .unix(path: path) : .tcp(host: host, port: port)
            let (bound, number) = try await SocketListener.listen(on: endpoint, isShared: true, loop: loop) {
                descriptor in
                let listens = leaving.read { $0 }?.value.allSatisfy(\.isOpen) ?? true
                arrived.update { $0.append((index, listens)) }
                StreamSocket.discard(descriptor)
            }
            listeners.append(bound)
            port = number ?? 0
        }
        let address: RawSocket.Address = host == "unix" ? .unix(path: path) : .tcp(port: port)
        let left = listeners.remove(at: leaver.index)
        leaving.update { $0 = left }
        let isGone = Watched(false)
        async let gone: Void = {
            await SocketListener.leave(left)
            isGone.update { $0 = true }
        }()
        // Each is served, whoever accepts it: a reset would be an error.
        repeat {
            _ = try RawSocket(connectingTo: address).receiveToEnd()
            try await Task.sleep(for: .milliseconds(1))
        } while !isGone.read { $0 } || !arrived.read { $0.contains { $0.index != leaver.index } }
        await gone
        // New ones come back to it once at most, while it looks for the other's position: a handshake that began just before its end would be reset.
        let places = arrived.read { $0.map { $0.index == leaver.index } }
        #expect(zip(places, places.dropFirst()).count { !$0 && $1 } <= 1)
        // A path leads elsewhere at once, and its old listener need not wait.
        #expect(host == "unix" || arrived.read { $0.first { $0.index != leaver.index }?.leaverListens } == true)
        for _ in 0..<20 { _ = try RawSocket(connectingTo: address).receiveToEnd() }
        #expect(arrived.read { $0.suffix(20).allSatisfy { $0.index != leaver.index } })
        for listener in listeners { await SocketListener.leave(listener) }
        await loop.stop()
    }

    @Test func `the last of those that share an address accepts what waits, and closes`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let accepted = Watched(0)
        let (listeners, port) = try await SocketListener.listen(
            on: .tcp(host: "127.0.0.1", port: 0),
            isShared: true,
            loop: loop
        ) { descriptor in
            accepted.update { $0 += 1 }
            StreamSocket.discard(descriptor)
        }
        let client = try RawSocket(connectingTo: .tcp(port: try #require(port)))
        await SocketListener.leave(listeners)
        // Its own connections are handed to nobody.
        #expect(accepted.read { $0 } == 1)
        #expect(try client.receiveToEnd().isEmpty)
        #expect(throws: (any Error).self) { try RawSocket(connectingTo: .tcp(port: port ?? 0)) }
        await loop.stop()
    }

    @Test func `an address in use, and a path that is no socket, are errors that name it`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let taken = try RawListener()
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: taken.address.port), loop: loop) {
                _ in
            }
        }
        let path = Self.path("file")
        defer { unlink(path) }
        try "somebody's".write(toFile: path, atomically: true, encoding: .utf8)
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .unix(path: path), loop: loop) { _ in }
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "somebody's")
        // A folder is no socket, and is not put aside for a shared one.
        let folder = Self.path("folder")
        defer { rmdir(folder) }
        #expect(mkdir(folder, 0o700) == 0)
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .unix(path: folder), isShared: true, loop: loop) { _ in }
        }
        #expect(rmdir(folder) == 0)
        await loop.stop()
    }

    @Test func `a socket that a process listens on is left to it, one that was left behind is replaced`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let path = Self.path("live")
        defer { unlink(path) }
        let first = try RawListener(path: path)
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .unix(path: path), loop: loop) { _ in }
        }
        let client = try RawSocket(connectingTo: .unix(path: path))
        _ = (try first.accept(), client)
        // One whose queue is full is no less alive.
        let busy = Self.path("busy")
        defer { unlink(busy) }
        let full = try RawListener(path: busy)
        let waiting = try (0...256).map { _ in try RawSocket(connectingTo: full.address) }
        await #expect(throws: SocketError.self) {
            _ = try await SocketListener.listen(on: .unix(path: busy), loop: loop) { _ in }
        }
        withExtendedLifetime((full, waiting)) {}
        let left = Self.path("left")
        defer { unlink(left) }
        do { _ = try RawListener(path: left) }
        let accepted = Watched<[Int32]>([])
        let (listeners, _) = try await SocketListener.listen(on: .unix(path: left), unixMode: 0o660, loop: loop) {
            descriptor in accepted.update { $0.append(descriptor) }
        }
        var status = stat()
        #expect(stat(left, &status) == 0 && status.st_mode & 0o777 == 0o660)
        let second = try RawSocket(connectingTo: .unix(path: left))
        try accepted.wait("the connection") { $0.count == 1 }
        for descriptor in accepted.read({ $0 }) { StreamSocket.discard(descriptor) }
        second.close()
        try await loop.submit { listeners.value.forEach { $0.close() } }
        await loop.stop()
    }

    @Test func `of many listeners that start at once on a leftover socket one has it`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let path = Self.path("race")
        defer { unlink(path) }
        do { _ = try RawListener(path: path) }
        let won = await withTaskGroup(of: LoopBound<[SocketListener]>?.self) { group in
            for _ in 0..<16 {
                group.addTask { try? await SocketListener.listen(on: .unix(path: path), loop: loop) { _ in }.listeners }
            }
            return await group.reduce(into: [LoopBound<[SocketListener]>]()) { won, next in
                if let next { won.append(next) }
            }
        }
        #expect(won.count == 1)
        try await loop.submit { for listeners in won { listeners.value.forEach { $0.close() } } }
        await loop.stop()
    }

    /// Sockets that close each other within a turn: what epoll still says of a closed one must reach nobody else.
    @Test func `events of a closed socket do not reach the one that has its number now`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let echoes = Watched<[LoopBound<Echo>]>([])
        let (listeners, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
            descriptor in
            guard let socket = try? StreamSocket(adopting: descriptor, on: loop) else { return }
            let echo = Echo(socket)
            echoes.update { $0.append(LoopBound(echo, on: loop)) }
        }
        let address = RawSocket.Address.tcp(port: try #require(port))
        for round in 0..<60 {
            let clients = try (0..<8).map { _ in try RawSocket(connectingTo: address) }
            try echoes.wait("the connections") { $0.count == clients.count }
            // All at once: half of them go, the others must get their own words back.
            let words = clients.indices.map { "round \(round) client \($0)" }
            for (index, client) in clients.enumerated() {
                if index % 2 == 0 { client.reset() } else { try client.send(words[index]) }
            }
            for (index, client) in clients.enumerated() where index % 2 == 1 {
                try client.receive(exactly: words[index])
                client.close()
            }
            echoes.update { $0 = [] }
        }
        try await loop.submit { listeners.value.forEach { $0.close() } }
        await loop.stop()
    }

    private final class Echo: StreamSocketHandler {
        let socket: StreamSocket
        var mayRead: Bool { true }

        init(_ socket: StreamSocket) {
            self.socket = socket
            socket.handler = self
        }

        func received(_ bytes: ByteBuffer) { socket.write(bytes) }
        func readCompleted() { socket.flush() }
        func becameWritable() {}
        func closed(isBroken: Bool) {}
    }
}

extension RawSocket.Address {
    fileprivate var port: Int {
        guard case .tcp(let port) = self else { preconditionFailure("a listener without a path has a port") }
        return port
    }
}
