internal import CLinux
package import GatehouseCore
internal import Glibc

/// A listening socket: hands on each connection that it accepts.
package final class SocketListener: Pollable {
    private let onAccept: (CInt) -> Void
    /// Whether another process may listen there, too.
    let isShared: Bool
    /// The place of a unix socket that is shared.
    let path: SharedPath?
    private(set) var isOpen = true
    /// Looks for a connection of its own among those that come, while the listener leaves.
    var departure: ListenerDeparture?

    /// Connections that wait to be accepted; the kernel drops further ones, and their clients try again (listen(2)).
    package static let backlog: CInt = 1024
    /// Connections accepted in one turn; then the sockets' turn comes.
    private static let acceptsInTurn = 64
    /// How long nothing is accepted when descriptors or memory have run out.
    private static let pause = TimeSpan.milliseconds(100)
    /// A reserved descriptor: closed when no other is left, it lets one connection after the other be accepted and closed, so that clients learn that
    /// they are not served. Negative while none could be reserved.
    private var spare = SocketListener.makeSpare()

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - unixMode: the mode of a unix socket's file. A socket file that a process left behind is replaced; one that a process listens on
    ///     is not, unless it is shared.
    ///   - isShared: whether another process may listen on the same address, as ``ListeningSocket`` says.
    ///   - deadPeer: what accepted TCP connections inherit.
    ///   - onAccept: called on the loop with a descriptor, non-blocking and closed on exec, which is the callee's from then on.
    /// - Returns: a listener for each address that the host has, and the port that was bound, nil for a unix socket.
    /// - Throws: ``SocketError`` when the address cannot be had.
    package static func listen(
        on endpoint: Endpoint,
        unixMode: UInt32 = 0o660,
        isShared: Bool = false,
        deadPeer: DeadPeer = .standard,
        loop: EpollLoop,
        onAccept: @escaping @Sendable (CInt) -> Void
    ) async throws -> (listeners: LoopBound<[SocketListener]>, port: Int?) {
        let bound = try ListeningSocket.bind(
            endpoint,
            unixMode: unixMode,
            isShared: isShared,
            backlog: backlog,
            deadPeer
        )
        let port = bound.first.flatMap { SocketAddress.boundPort(of: $0.descriptor) }
        let made: Result<LoopBound<[SocketListener]>, SocketError> = try await loop.submit {
            Result { () throws(SocketError) in
                var listeners: [SocketListener] = []
                for bound in bound {
                    listeners.append(try SocketListener(bound, isShared: isShared, on: loop, onAccept: onAccept))
                }
                return LoopBound(listeners, on: loop)
            }
        }
        return (try made.get(), port)
    }

    private init(
        _ bound: ListeningSocket.Bound,
        isShared: Bool,
        on loop: EpollLoop,
        onAccept: @escaping (CInt) -> Void
    ) throws(SocketError) {
        self.onAccept = onAccept
        self.isShared = isShared
        path = bound.path
        super.init(bound.descriptor, on: loop)
        do throws(SocketError) { try loop.watch(self, gatehouse_epoll_in) } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Accepts the queued connections, which the kernel would reset, and stops listening.
    package func close() {
        guard isOpen else { return }
        loop.forget(self)
        acceptRest()
        abandon()
    }

    /// Closes listeners, and resets no connection where another process listens on the same address: what is new goes there first.
    package static func leave(_ listeners: LoopBound<[SocketListener]>) async {
        await withCheckedContinuation { continuation in
            let isTaken = listeners.loop.execute {
                var left = listeners.value.count
                guard left > 0 else { return continuation.resume() }
                for listener in listeners.value {
                    ListenerDeparture.begin(listener) {
                        left -= 1
                        if left == 0 { continuation.resume() }
                    }
                }
            }
            if !isTaken { continuation.resume() }
        }
    }

    private func hand(on accepted: CInt) {
        if let departure, departure.recognizes(accepted) { return StreamSocket.discard(accepted) }
        onAccept(accepted)
    }

    /// - Returns: whether nobody is left in the queue.
    @discardableResult
    func acceptRest() -> Bool {
        // As many as can wait: who comes meanwhile could hold this up without end.
        for _ in 0..<Self.backlog {
            let accepted = gatehouse_accept(descriptor)
            if accepted >= 0 {
                hand(on: accepted)
            } else if errno != ECONNABORTED, errno != EINTR {
                return errno == EAGAIN
            }
        }
        return false
    }

    override func abandon() {
        isOpen = false
        Glibc.close(descriptor)
        if spare >= 0 { Glibc.close(spare) }
        spare = -1
    }

    // Level-triggered, so that the connections left over are reported again.
    override func ready(_ events: UInt32) {
        for _ in 0..<Self.acceptsInTurn {
            guard isOpen else { return }
            let accepted = gatehouse_accept(descriptor)
            if accepted >= 0 {
                hand(on: accepted)
                continue
            }
            switch errno {
            case EMFILE, ENFILE:
                guard shed() else { return rest() }
            case ENOBUFS, ENOMEM: return rest()
            // The client has gone, or no connection is queued.
            case ECONNABORTED, EINTR: continue
            case _: return
            }
        }
    }

    /// Closes one queued connection, with the descriptor that is reserved for this.
    ///
    /// - Returns: false when that descriptor is not there: another thread may have taken its place.
    private func shed() -> Bool {
        guard spare >= 0 else {
            spare = Self.makeSpare()
            return false
        }
        Glibc.close(spare)
        let accepted = gatehouse_accept(descriptor)
        if accepted >= 0 {
            _ = departure?.recognizes(accepted)
            Glibc.close(accepted)
        }
        spare = Self.makeSpare()
        return accepted >= 0
    }

    private static func makeSpare() -> CInt { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    /// Descriptors or memory may come back, and asking for them without end would take the time of those who are served.
    private func rest() {
        loop.change(self, 0)
        loop.schedule(after: Self.pause) { [self] in
            if isOpen { loop.change(self, gatehouse_epoll_in) }
        }
    }
}
