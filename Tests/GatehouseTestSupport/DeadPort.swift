internal import Glibc

/// A port of 127.0.0.1 where nobody listens, for as long as this lives: it is bound, so that nobody else gets it.
package final class DeadPort: Sendable {
    package let number: Int
    private let descriptor: Int32

    package init() throws {
        descriptor = try SocketFailure.check(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), "socket")
        var bound = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        _ = try SocketFailure.check(RawSocket.Address.tcp(port: 0).withSockaddr { bind(descriptor, $0, $1) }, "bind")
        _ = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        number = Int(UInt16(bigEndian: bound.sin_port))
    }

    deinit { Glibc.close(descriptor) }
}
