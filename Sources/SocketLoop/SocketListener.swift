internal import CLinux
internal import Glibc

/// A listening socket: hands on each connection that it accepts.
package final class SocketListener: Pollable {
    private let onAccept: (CInt) -> Void
    private var isOpen = true

    /// Connections that wait to be accepted; the kernel drops further ones, and their clients try again (listen(2)).
    package static let backlog: CInt = 1024
    /// Connections accepted in one turn; then the sockets' turn comes.
    private static let acceptsInTurn = 64
    /// How long nothing is accepted when descriptors or memory have run out.
    private static let pause = TimeSpan.milliseconds(100)
    /// Held for when no descriptor is left: given up, it lets one connection after the other be accepted and closed, so that clients learn
    /// that they are not served. Negative while it could not be had.
    private var spare = SocketListener.makeSpare()

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - unixMode: the mode of a unix socket's file. A socket file that a process left behind is replaced; one that a process listens on
    ///     is not.
    ///   - deadPeer: what accepted TCP connections inherit.
    ///   - onAccept: called on the loop with a descriptor, non-blocking and closed on exec, which is the callee's from then on.
    /// - Returns: the listener, and the port that was bound, nil for a unix socket.
    /// - Throws: ``SocketError`` when the address cannot be had.
    package static func listen(
        on endpoint: Endpoint,
        unixMode: UInt32 = 0o660,
        deadPeer: DeadPeer = .standard,
        loop: EpollLoop,
        onAccept: @escaping @Sendable (CInt) -> Void
    ) async throws -> (listener: LoopBound<SocketListener>, port: Int?) {
        let descriptor = try bind(endpoint, unixMode: unixMode, deadPeer)
        let port = SocketAddress.boundPort(of: descriptor)
        let made: Result<LoopBound<SocketListener>, SocketError> = try await loop.submit {
            Result { () throws(SocketError) in
                LoopBound(try SocketListener(descriptor, on: loop, onAccept: onAccept), on: loop)
            }
        }
        return (try made.get(), port)
    }

    private init(_ descriptor: CInt, on loop: EpollLoop, onAccept: @escaping (CInt) -> Void) throws(SocketError) {
        self.onAccept = onAccept
        super.init(descriptor, on: loop)
        do throws(SocketError) { try loop.watch(self, gatehouse_epoll_in) } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Stops accepting. Connections that wait are refused by the kernel.
    package func close() {
        guard isOpen else { return }
        loop.forget(self)
        abandon()
    }

    override func abandon() {
        isOpen = false
        Glibc.close(descriptor)
        if spare >= 0 { Glibc.close(spare) }
        spare = -1
    }

    // Level-triggered, so that what is left over is told again.
    override func ready(_ events: UInt32) {
        for _ in 0..<Self.acceptsInTurn {
            guard isOpen else { return }
            let accepted = gatehouse_accept(descriptor)
            if accepted >= 0 {
                onAccept(accepted)
                continue
            }
            switch errno {
            case EMFILE, ENFILE:
                guard shed() else { return rest() }
            case ENOBUFS, ENOMEM: return rest()
            // The client has gone again, or nobody waits.
            case ECONNABORTED, EINTR: continue
            case _: return
            }
        }
    }

    /// Closes one connection that waits, with the descriptor that is held for this.
    ///
    /// - Returns: false when that descriptor is not there: another thread may have taken its place.
    private func shed() -> Bool {
        guard spare >= 0 else {
            spare = Self.makeSpare()
            return false
        }
        Glibc.close(spare)
        let accepted = gatehouse_accept(descriptor)
        if accepted >= 0 { Glibc.close(accepted) }
        spare = Self.makeSpare()
        return accepted >= 0
    }

    private static func makeSpare() -> CInt { open("/dev/null", O_RDONLY | O_CLOEXEC) }

    /// What is short may come back, and asking for it without end would take the time of those who are served.
    private func rest() {
        loop.change(self, 0)
        loop.schedule(after: Self.pause) { [self] in
            if isOpen { loop.change(self, gatehouse_epoll_in) }
        }
    }

    // MARK: - Binding

    private static func bind(
        _ endpoint: Endpoint,
        unixMode: UInt32,
        _ deadPeer: DeadPeer
    ) throws(SocketError) -> CInt {
        switch endpoint {
        case .unix(let path):
            guard let address = SocketAddress(unix: path) else { throw .system(path, ENAMETOOLONG) }
            return try UnixPath.claim(path, address) { () throws(SocketError) in
                let descriptor = try StreamSocket.makeDescriptor(AF_UNIX)
                // The mode before it listens: until then nobody can connect.
                return try listen(descriptor, at: address) { chmod(path, unixMode) == 0 }
            }
        case .tcp(let host, let port):
            let addresses = try AddressResolver.lookUp(host, port: port, flags: AI_PASSIVE)
            guard let address = addresses.first else {
                throw SocketError(code: .unknownHost, message: "\(host) has no address")
            }
            let descriptor = try StreamSocket.makeDescriptor(address.family)
            // Accepted sockets inherit these (tcp(7)), which saves system calls for each.
            StreamSocket.setNoDelay(descriptor)
            deadPeer.apply(to: descriptor)
            return try listen(descriptor, at: address) { true }
        }
    }

    /// - Parameter prepare: what is to be done between binding and listening; false and `errno` when it failed.
    private static func listen(
        _ descriptor: CInt,
        at address: SocketAddress,
        prepare: () -> Bool
    ) throws(SocketError) -> CInt {
        var one: CInt = 1
        guard
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size)) == 0,
            address.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0, prepare(),
            Glibc.listen(descriptor, backlog) == 0
        else {
            let error = SocketError.system("bind")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }
}
