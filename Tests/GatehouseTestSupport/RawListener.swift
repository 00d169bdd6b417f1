internal import Glibc

/// A listening socket in place of an upstream: what it accepts, the test scripts byte for byte.
package final class RawListener: Sendable {
    package let address: RawSocket.Address
    private let descriptor: Int32

    /// - Parameters:
    ///   - path: of a unix socket; on a TCP port that the system chooses without one.
    ///   - receiveBuffer: bytes that the kernel keeps for each accepted connection.
    package init(path: String? = nil, receiveBuffer: Int? = nil) throws {
        let wanted = path.map { RawSocket.Address.unix(path: $0) } ?? .tcp(port: 0)
        let descriptor = try SocketFailure.check(
            socket(wanted.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0),
            "socket"
        )
        if let path { unlink(path) }
        if var bytes = receiveBuffer.map(Int32.init) { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4) }
        _ = try SocketFailure.check(wanted.withSockaddr { bind(descriptor, $0, $1) }, "bind")
        _ = try SocketFailure.check(listen(descriptor, 256), "listen")
        self.descriptor = descriptor
        if path == nil {
            var bound = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafeMutablePointer(to: &bound) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            address = .tcp(port: Int(UInt16(bigEndian: bound.sin_port)))
        } else {
            address = wanted
        }
    }

    deinit { Glibc.close(descriptor) }

    /// As a route names it.
    package var url: String {
        switch address {
        case .tcp(let port): "http://127.0.0.1:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    package func accept(within seconds: Double = RawSocket.patience) throws -> RawSocket {
        guard try SocketFailure.poll(descriptor, Int16(POLLIN), seconds) else { throw TimedOut(what: "a connection") }
        return RawSocket(descriptor: try SocketFailure.check(Glibc.accept(descriptor, nil, nil), "accept"))
    }

    /// The next of these connections on which something comes, or a new one, whichever the peer chose.
    package func next(among connections: [RawSocket]) throws -> RawSocket {
        if let ready = try connections.first(where: { try $0.pendingBytes() > 0 }) { return ready }
        var all = ([descriptor] + connections.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        guard try SocketFailure.check(poll(&all, nfds_t(all.count), Int32(RawSocket.patience * 1000)), "poll") > 0
        else {
            throw TimedOut(what: "a request on any connection")
        }
        guard let ready = all.dropFirst().firstIndex(where: { $0.revents != 0 }) else { return try accept() }
        return connections[ready - 1]
    }

    /// Whether someone has connected and was not accepted yet.
    package var hasConnection: Bool { (try? SocketFailure.poll(descriptor, Int16(POLLIN), 0)) ?? false }
}

extension RawSocket.Address {
    var family: Int32 {
        switch self {
        case .tcp: AF_INET
        case .unix: AF_UNIX
        }
    }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
        switch self {
        case .tcp(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return try withUnsafePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            return try withUnsafePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }
}
