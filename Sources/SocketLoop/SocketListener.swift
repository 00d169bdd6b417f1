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

    /// Binds and listens.
    ///
    /// - Parameters:
    ///   - unixMode: the mode of a unix socket's file. A socket file that a process left behind is replaced.
    ///   - onAccept: called on the loop with a descriptor, non-blocking and closed on exec, which is the callee's from then on.
    /// - Returns: the listener, and the port that was bound, nil for a unix socket.
    /// - Throws: ``SocketError`` when the address cannot be had.
    package static func listen(
        on endpoint: Endpoint,
        unixMode: UInt32 = 0o660,
        loop: EpollLoop,
        onAccept: @escaping @Sendable (CInt) -> Void
    ) async throws -> (listener: LoopBound<SocketListener>, port: Int?) {
        let descriptor = try bind(endpoint, unixMode: unixMode)
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
        isOpen = false
        loop.forget(self)
        Glibc.close(descriptor)
    }

    override func abandon() {
        isOpen = false
        Glibc.close(descriptor)
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
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return rest()
            // The client has gone again, or nobody waits.
            case ECONNABORTED, EINTR: continue
            case _: return
            }
        }
    }

    /// What is short may come back, and asking for it without end would take the time of those who are served.
    private func rest() {
        loop.change(self, 0)
        loop.schedule(after: Self.pause) { [self] in
            if isOpen { loop.change(self, gatehouse_epoll_in) }
        }
    }

    // MARK: - Binding

    private static func bind(_ endpoint: Endpoint, unixMode: UInt32) throws(SocketError) -> CInt {
        switch endpoint {
        case .unix(let path):
            guard let address = SocketAddress(unix: path) else { throw .system(path, ENAMETOOLONG) }
            removeLeftover(path)
            let descriptor = try bind(address)
            guard chmod(path, unixMode) == 0 else {
                let error = SocketError.system("chmod \(path)")
                Glibc.close(descriptor)
                throw error
            }
            return descriptor
        case .tcp(let host, let port):
            let addresses = try AddressResolver.lookUp(host, port: port, flags: AI_PASSIVE)
            guard let address = addresses.first else {
                throw SocketError(code: .unknownHost, message: "\(host) has no address")
            }
            return try bind(address)
        }
    }

    /// Only a socket is removed: another file there is somebody's.
    private static func removeLeftover(_ path: String) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }

    private static func bind(_ address: SocketAddress) throws(SocketError) -> CInt {
        let descriptor = try StreamSocket.makeDescriptor(address.family)
        var one: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        // Accepted sockets inherit TCP_NODELAY (tcp(7)), which saves a system call for each.
        let isTCP = address.family != AF_UNIX
        guard setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size) == 0,
            !isTCP || setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &one, size) == 0,
            address.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, backlog) == 0
        else {
            let error = SocketError.system("bind")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }
}
