internal import CLinux
internal import Glibc

/// The end of a listener whose address another process may share: the kernel is told to give new connections to the other one, and only then the listener
/// closes, because what waits in the queue of a closed listener is reset.
///
/// No process is told which position its listener has. It finds out by a connection to itself: where that does not arrive here, neither does any other. At
/// most one of the first two positions is its own; when both lead here, it is alone. The path of a unix socket is given back (``SharedPath``).
final class ListenerDeparture {
    private static let positions: [UInt32] = [0, 1]
    /// Time for a connection to oneself to arrive.
    private static let glance = TimeSpan.milliseconds(20)
    /// How often it is looked for, while the queues are full.
    private static let glances = 50
    /// Handshakes that have begun here end here: within this time also one whose answer was lost once (RFC 6298 section 2.1).
    private static let handshakes = TimeSpan.seconds(1)
    /// How often it waits for them: once more where another one has come or gone meanwhile.
    private static let maximumWaits = 2

    private let listener: SocketListener
    private let done: () -> Void
    /// The connection to itself, and its address as who accepts it sees it; negative while there is none.
    private var probe: CInt = -1
    private var probeAddress: SocketAddress?
    private var hasArrived = false
    private var untried = ListenerDeparture.positions
    /// The position that led to another process.
    private var elsewhere: UInt32?
    private var waits = 0

    /// Closes a listener and calls `done` once it is closed. To be called on its loop, as everything here.
    static func begin(_ listener: SocketListener, _ done: @escaping () -> Void) {
        let departure = ListenerDeparture(listener, done)
        if let path = listener.path {
            // Who has found the path as it was is in the queue soon.
            guard path.giveBack() else { return departure.end() }
            listener.loop.schedule(after: glance) { departure.end() }
            return
        }
        guard listener.isShared else { return departure.end() }
        listener.departure = departure
        departure.tryNext()
    }

    private init(_ listener: SocketListener, _ done: @escaping () -> Void) {
        self.listener = listener
        self.done = done
    }

    /// Whether a connection that was accepted is that to itself.
    func recognizes(_ accepted: CInt) -> Bool {
        guard let probeAddress, let peer = SocketAddress.peer(of: accepted), peer.port == probeAddress.port,
            peer.hostText == probeAddress.hostText
        else { return false }
        hasArrived = true
        return true
    }

    // MARK: -

    private func tryNext() {
        guard listener.isOpen, let position = untried.first, ListeningSocket.steer(listener.descriptor, to: position),
            connect()
        else { return end() }
        untried.removeFirst()
        look(position, Self.glances)
    }

    private func look(_ position: UInt32, _ glances: Int) {
        listener.loop.schedule(after: Self.glance) { [self] in
            guard listener.isOpen else { return end() }
            // Without descriptors it is not known who waits in the queue.
            let isEmptied = listener.acceptRest()
            if hasArrived { return tryNext() }
            if isEmptied, isConnected {
                found(position)
            } else if glances > 1 {
                look(position, glances - 1)
            } else {
                end()
            }
        }
    }

    /// Nothing new comes here. After the wait the same position is looked at first: to try this one's own would have the kernel send new connections
    /// here once more, whose handshakes the end would reset.
    private func found(_ position: UInt32) {
        guard elsewhere != position, waits < Self.maximumWaits else { return end() }
        elsewhere = position
        waits += 1
        listener.loop.schedule(after: Self.handshakes) { [self] in
            untried = [position] + Self.positions.filter { $0 != position }
            tryNext()
        }
    }

    private func end() {
        listener.close()
        listener.departure = nil
        disconnect()
        done()
    }

    // MARK: - The connection to itself

    /// The listener's address; of a listener on all addresses this machine's own.
    private var target: SocketAddress? {
        guard let bound = SocketAddress.bound(of: listener.descriptor), let port = bound.port else { return nil }
        return switch bound.hostText {
        case "0.0.0.0": SocketAddress(literal: "127.0.0.1", port: port)
        case "::": SocketAddress(literal: "::1", port: port)
        case _: bound
        }
    }

    private func connect() -> Bool {
        disconnect()
        guard let target else { return false }
        probe = gatehouse_stream_socket(target.family)
        guard probe >= 0, target.withSockaddr({ Glibc.connect(probe, $0, $1) }) == 0 || errno == EINPROGRESS else {
            return false
        }
        probeAddress = SocketAddress.bound(of: probe)
        return probeAddress != nil
    }

    private var isConnected: Bool { SocketAddress.peer(of: probe) != nil }

    private func disconnect() {
        if probe >= 0 { Glibc.close(probe) }
        (probe, probeAddress, hasArrived) = (-1, nil, false)
    }
}
