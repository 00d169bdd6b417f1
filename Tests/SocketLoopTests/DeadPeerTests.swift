import GatehouseCore
import GatehouseTestSupport
import Glibc
import NIOCore
import Synchronization
import Testing

@testable import SocketLoop

/// A peer that answers nothing any more, as when its machine is gone.
@Suite(.blocking) struct DeadPeerTests {
    private static func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(4)
        getsockopt(descriptor, level, name, &value, &size)
        return value
    }

    private static func options(_ descriptor: Int32) -> [Int32] {
        let tcp = Int32(IPPROTO_TCP)
        return [option(descriptor, SOL_SOCKET, SO_KEEPALIVE)]
            + [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT].map { option(descriptor, tcp, $0) }
    }

    @Test func `both ends of what is accepted and connected ask whether the peer lives`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let accepted = Watched<[Int32]>([])
        let (listeners, port) = try await SocketListener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop) {
            descriptor in accepted.update { $0.append(descriptor) }
        }
        let connected = Watched<[Int32]?>(nil)
        try await loop.submit {
            SocketConnector.connect(
                to: .tcp(host: "127.0.0.1", port: port ?? 0),
                tls: nil,
                within: nil,
                on: loop
            ) { result in
                guard case .success(let socket) = result else { return }
                connected.update { $0 = Self.options(socket.descriptor) }
                socket.close()
            }
        }
        try connected.wait("the connection") { $0 != nil }
        try accepted.wait("its other end") { $0.count == 1 }
        #expect(connected.read { $0 } == [1, 20, 10, 6, 60_000])
        for descriptor in accepted.read({ $0 }) {
            #expect(Self.options(descriptor) == [1, 20, 10, 6, 60_000])
            StreamSocket.discard(descriptor)
        }
        try await loop.submit { listeners.value.forEach { $0.close() } }
        await loop.stop()
    }

    /// In a network of the test's own: with its one interface down, packets vanish.
    @Test(.enabled(if: OwnNetwork.isAllowed, "\(OwnNetwork.need)"), .timeLimit(.minutes(5)))
    func `an idle connection to a peer that vanished is broken in time`() async throws {
        let events = Watched(Events())
        let network = try OwnNetwork()
        defer { network.close() }
        let loop = try network.run { try EpollLoop.start(named: "test") }
        let listener = try network.run { try RawListener() }
        guard case .tcp(let port) = listener.address else {
            preconditionFailure("a listener without a path has a port")
        }
        let quick = DeadPeer(timeout: .seconds(2), idle: .seconds(1), interval: .seconds(1))
        // A literal address is connected to on the loop, whose thread began in that network.
        try await loop.submit {
            SocketConnector.connect(
                to: .tcp(host: "127.0.0.1", port: port),
                tls: nil,
                within: nil,
                deadPeer: quick,
                on: loop
            ) { result in
                guard case .success(let socket) = result else { return }
                socket.handler = Waiting(socket, events)
                events.update { $0.stands = true }
            }
        }
        let peer = try listener.accept()
        try events.wait("the connection") { $0.stands }
        try network.goDown()
        try events.wait("the end") { $0.isBroken != nil }
        #expect(events.read { $0.isBroken } == true)
        peer.close()
        await loop.stop()
    }

    struct Events {
        var stands = false
        var isBroken: Bool?
    }

    private final class Waiting: StreamSocketHandler {
        let socket: StreamSocket
        let events: Watched<Events>
        var mayRead: Bool { true }

        init(_ socket: StreamSocket, _ events: Watched<Events>) {
            self.socket = socket
            self.events = events
        }

        func received(_ bytes: ByteBuffer) {}
        func readCompleted() {}
        func becameWritable() {}
        func closed(isBroken: Bool) { events.update { $0.isBroken = isBroken } }
    }
}
