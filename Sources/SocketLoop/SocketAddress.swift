internal import Glibc

/// A `sockaddr` of any family.
struct SocketAddress: Sendable {
    var storage = sockaddr_storage()
    var length: socklen_t = 0

    var family: Int32 { Int32(storage.ss_family) }

    /// Copies an address that the system made.
    init(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: .init(start: address, count: Int(self.length))) }
    }

    /// - Returns: nil when the path is too long for `sun_path` (unix(7)).
    init?(unix path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isCopied = withUnsafeMutableBytes(of: &address.sun_path) { place in
            let bytes = Array(path.utf8) + [0]
            guard bytes.count <= place.count, !bytes.dropLast().contains(0) else { return false }
            place.copyBytes(from: bytes)
            return true
        }
        guard isCopied else { return nil }
        self.init(copying: address)
    }

    /// Reads an IPv4 or IPv6 address as inet_pton(3) does.
    ///
    /// - Returns: nil for a name, and for an IPv6 address with a zone, which the system's resolver knows.
    init?(literal host: String, port: Int) {
        guard let port = in_port_t(exactly: port) else { return nil }
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            self.init(copying: four)
        } else if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            self.init(copying: six)
        } else {
            return nil
        }
    }

    /// The same host at another port; a unix socket has none.
    func with(port: Int) -> SocketAddress {
        guard family == AF_INET || family == AF_INET6, let port = in_port_t(exactly: port) else { return self }
        var address = self
        // The port stands at the same place for both families, in network order.
        withUnsafeMutableBytes(of: &address.storage) { bytes in
            bytes[2] = UInt8(port >> 8)
            bytes[3] = UInt8(port & 0xFF)
        }
        return address
    }

    func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// The address of a socket's other end as text: of IPv4 also where it comes by IPv6, `unix` for a unix socket, empty when it is gone.
    static func peerText(of descriptor: CInt) -> String { peer(of: descriptor)?.hostText ?? "" }

    /// The address of a socket's other end; nil when it has none any more.
    static func peer(of descriptor: CInt) -> SocketAddress? { asked { getpeername(descriptor, $0, $1) } }

    /// The address that a socket is bound to.
    static func bound(of descriptor: CInt) -> SocketAddress? { asked { getsockname(descriptor, $0, $1) } }

    private static func asked(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> SocketAddress? {
        var address = SocketAddress()
        address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isFound = withUnsafeMutablePointer(to: &address.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask($0, &address.length) == 0 }
        }
        return isFound ? address : nil
    }

    /// The host as text: of IPv4 also where it comes by IPv6, `unix` for a unix socket.
    var hostText: String {
        let address = self
        guard address.family == AF_INET || address.family == AF_INET6 else { return "unix" }
        // Behind the family and the port; for IPv6 behind the flow label, too (ip(7), ipv6(7)).
        let offset = address.family == AF_INET ? 4 : 8
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { room in
            let isWritten = withUnsafeBytes(of: address.storage) { bytes in
                inet_ntop(address.family, bytes.baseAddress! + offset, room.baseAddress, socklen_t(room.count)) != nil
            }
            return isWritten ? String(cString: room.baseAddress!) : ""
        }
        return text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
    }

    /// The port that a socket is bound to; nil for a unix socket.
    static func boundPort(of descriptor: CInt) -> Int? { bound(of: descriptor)?.port }

    /// Nil for a unix socket.
    var port: Int? {
        // It stands at the same place for both families, in network order.
        guard family == AF_INET || family == AF_INET6 else { return nil }
        return withUnsafeBytes(of: storage) { bytes in Int(bytes[2]) << 8 | Int(bytes[3]) }
    }

    private init() {}

    private init<Address>(copying address: Address) {
        length = socklen_t(MemoryLayout.size(ofValue: address))
        withUnsafeMutableBytes(of: &storage) { place in withUnsafeBytes(of: address) { place.copyMemory(from: $0) } }
    }
}
