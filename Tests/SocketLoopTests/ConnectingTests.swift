import Foundation
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

    /// Connects and closes what stands.
    private static func connect(to endpoint: SocketLoop.Endpoint, within timeout: TimeSpan? = nil) async throws
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
        let (listener, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
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
        try await loop.submit { listener.value.close() }
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
        let (listener, _) = try await SocketListener.listen(on: .unix(path: left), unixMode: 0o660, loop: loop) {
            descriptor in accepted.update { $0.append(descriptor) }
        }
        var status = stat()
        #expect(stat(left, &status) == 0 && status.st_mode & 0o777 == 0o660)
        let second = try RawSocket(connectingTo: .unix(path: left))
        try accepted.wait("the connection") { $0.count == 1 }
        for descriptor in accepted.read({ $0 }) { StreamSocket.discard(descriptor) }
        second.close()
        try await loop.submit { listener.value.close() }
        await loop.stop()
    }

    @Test func `of many listeners that start at once on a leftover socket one has it`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let path = Self.path("race")
        defer { unlink(path) }
        do { _ = try RawListener(path: path) }
        let won = await withTaskGroup(of: LoopBound<SocketListener>?.self) { group in
            for _ in 0..<16 {
                group.addTask { try? await SocketListener.listen(on: .unix(path: path), loop: loop) { _ in }.listener }
            }
            return await group.reduce(into: [LoopBound<SocketListener>]()) { won, next in
                if let next { won.append(next) }
            }
        }
        #expect(won.count == 1)
        try await loop.submit { for listener in won { listener.value.close() } }
        await loop.stop()
    }

    /// Sockets that close each other within a turn: what epoll still says of a closed one must reach nobody else.
    @Test func `events of a closed socket do not reach the one that has its number now`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let echoes = Watched<[LoopBound<Echo>]>([])
        let (listener, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
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
        try await loop.submit { listener.value.close() }
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
