internal import CLinux
internal import GatehouseCore
internal import Glibc

/// Makes the descriptors of listening sockets.
///
/// A shared address (SO_REUSEPORT) is for the moment in which one process takes over from another: both listen, and the kernel gives new
/// connections to the one that came second. A third has to wait until one of them has gone. One that leaves has the kernel give them to another
/// first (``ListenerDeparture``), so that none waits in its queue when it closes. A unix socket's path leads to the one that came last (``SharedPath``).
enum ListeningSocket {
    /// A descriptor that listens.
    struct Bound {
        let descriptor: CInt
        /// The place of a unix socket that is shared.
        let path: SharedPath?

        init(_ descriptor: CInt, path: SharedPath? = nil) {
            self.descriptor = descriptor
            self.path = path
        }
    }

    /// Tries to have one port for all addresses of a host, where the system chooses it.
    private static let attempts = 16

    /// The position of the listener that came second, while there are two.
    private static let second: UInt32 = 1

    /// Makes the kernel give new connections to the listener at a position among those that share an address.
    ///
    /// - Returns: false where this kernel or a sandbox refuses that.
    @discardableResult
    static func steer(_ descriptor: CInt, to position: UInt32) -> Bool { gatehouse_steer(descriptor, position) == 0 }

    static func bind(
        _ endpoint: Endpoint,
        unixMode: UInt32,
        isShared: Bool,
        backlog: CInt,
        _ deadPeer: DeadPeer
    ) throws(SocketError) -> [Bound] {
        switch endpoint {
        case .unix(let path):
            return [try bind(unix: path, mode: unixMode, isShared: isShared, backlog: backlog)]
        case .tcp(let host, let port):
            var left = attempts
            while true {
                left -= 1
                do throws(SocketError) {
                    return try bind(try addresses(of: host, port), isShared: isShared, backlog: backlog, deadPeer)
                        .map { Bound($0) }
                } catch {
                    // The port that the system chose for one address may be taken for another.
                    guard port == 0, left > 0, error.number == EADDRINUSE else { throw error }
                }
            }
        }
    }

    /// `localhost` is both loopback addresses, whatever the resolver knows (RFC 6761 section 6.3): clients try them in any order.
    private static func addresses(of host: String, _ port: Int) throws(SocketError) -> [SocketAddress] {
        if host == "localhost" {
            return ["127.0.0.1", "::1"].compactMap { SocketAddress(literal: $0, port: port) }
        }
        if let address = SocketAddress(literal: host, port: port) { return [address] }
        let found = try AddressResolver.lookUp(host, port: port, flags: AI_PASSIVE)
        guard !found.isEmpty else { throw SocketError(code: .unknownHost, message: "\(host) has no address") }
        return found
    }

    private static func bind(
        _ addresses: [SocketAddress],
        isShared: Bool,
        backlog: CInt,
        _ deadPeer: DeadPeer
    ) throws(SocketError) -> [CInt] {
        var bound: [CInt] = []
        var port: Int?
        var missing: SocketError?
        for address in addresses {
            do throws(SocketError) {
                let descriptor = try StreamSocket.makeDescriptor(address.family)
                // Accepted sockets inherit these (tcp(7)), which saves system calls for each.
                StreamSocket.setNoDelay(descriptor)
                deadPeer.apply(to: descriptor)
                let place = port.map { address.with(port: $0) } ?? address
                bound.append(try listen(descriptor, at: place, isShared: isShared, backlog: backlog) { true })
                port = port ?? SocketAddress.boundPort(of: descriptor)
            } catch {
                // A machine without IPv6 has the other family all the same.
                if error.number == EADDRNOTAVAIL || error.number == EAFNOSUPPORT {
                    missing = error
                    continue
                }
                for descriptor in bound { close(descriptor) }
                throw error
            }
        }
        if bound.isEmpty, let missing { throw missing }
        return bound
    }

    private static func bind(
        unix path: String,
        mode: UInt32,
        isShared: Bool,
        backlog: CInt
    ) throws(SocketError) -> Bound {
        guard let address = SocketAddress(unix: path) else { throw .system(path, ENAMETOOLONG) }
        guard isShared else {
            return try UnixPath.claim(path, address) { () throws(SocketError) in
                let descriptor = try StreamSocket.makeDescriptor(AF_UNIX)
                // The mode is set before listening: until then no client can connect.
                return Bound(
                    try listen(descriptor, at: address, isShared: false, backlog: backlog) { chmod(path, mode) == 0 }
                )
            }
        }
        let fresh = SharedPath.beside(path)
        guard let place = SocketAddress(unix: fresh) else { throw .system(path, ENAMETOOLONG) }
        SharedPath.restore(path)
        unlink(fresh)
        let descriptor = try StreamSocket.makeDescriptor(AF_UNIX)
        let listening = try listen(descriptor, at: place, isShared: false, backlog: backlog) { chmod(fresh, mode) == 0 }
        guard let shared = SharedPath(taking: path) else {
            let error = SocketError.system("rename")
            close(listening)
            unlink(fresh)
            throw error
        }
        return Bound(listening, path: shared)
    }

    /// - Parameter prepare: what is to be done between binding and listening; false and `errno` when it failed.
    private static func listen(
        _ descriptor: CInt,
        at address: SocketAddress,
        isShared: Bool,
        backlog: CInt,
        prepare: () -> Bool
    ) throws(SocketError) -> CInt {
        var one: CInt = 1
        let size = socklen_t(MemoryLayout<CInt>.size)
        guard
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size) == 0,
            !isShared || setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, size) == 0,
            address.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0, prepare(),
            Glibc.listen(descriptor, backlog) == 0
        else {
            let error = refusal(errno)
            close(descriptor)
            throw error
        }
        // Best effort: without it both get new connections, until one of them leaves.
        if isShared { steer(descriptor, to: second) }
        return descriptor
    }

    private static func refusal(_ number: Int32) -> SocketError {
        let words =
            switch number {
            case EADDRINUSE: "another process listens there"
            case EADDRNOTAVAIL: "this machine has no such address"
            case EACCES, EPERM: "this user may not listen there"
            case _: String(cString: strerror(number))
            }
        return SocketError(code: .system(errno: number), message: words)
    }
}
