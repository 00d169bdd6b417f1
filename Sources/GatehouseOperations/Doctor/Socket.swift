internal import Glibc

/// Resolves names, and checks whether a process listens at an address.
enum Socket {
    /// How long a connection may take.
    static let timeout: Int32 = 2000

    struct Address {
        let family: Int32
        /// The bytes of a `sockaddr_in` or `sockaddr_in6`.
        let bytes: [UInt8]
        /// The four or sixteen bytes of the address itself.
        let host: [UInt8]

        var isLoopback: Bool { host.count == 4 ? host[0] == 127 : host == Array(repeating: 0, count: 15) + [1] }

        /// RFC 1918, RFC 6598, RFC 3927 and RFC 4193.
        var isPrivate: Bool {
            guard host.count == 4 else { return host[0] & 0xFE == 0xFC || host[0] == 0xFE && host[1] & 0xC0 == 0x80 }
            switch (host[0], host[1]) {
            case (10, _), (192, 168), (169, 254): return true
            case (172, let second): return (16...31).contains(second)
            case (100, let second): return (64...127).contains(second)
            case _: return false
            }
        }
    }

    /// Every address of a name; empty when it has none.
    static func addresses(_ host: String, _ port: Int) -> [Address] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var addresses: [Address] = []
        var entry = list
        while let info = entry?.pointee {
            entry = info.ai_next
            guard let pointer = info.ai_addr else { continue }
            let bytes = Array(UnsafeRawBufferPointer(start: pointer, count: Int(info.ai_addrlen)))
            // The address begins behind family and port; in IPv6 behind the flow label, too.
            if info.ai_family == AF_INET, bytes.count >= 8 {
                addresses.append(Address(family: AF_INET, bytes: bytes, host: Array(bytes[4..<8])))
            } else if info.ai_family == AF_INET6, bytes.count >= 24 {
                addresses.append(Address(family: AF_INET6, bytes: bytes, host: Array(bytes[8..<24])))
            }
        }
        return addresses
    }

    /// Whether a connection to the address is accepted in time.
    static func connects(_ address: Address) -> Bool {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let result = address.bytes.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else { return -1 }
            return connect(descriptor, base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        if result == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&wait, 1, timeout) == 1 else { return false }
        var failure: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0
    }
}
