internal import Glibc
internal import Synchronization
internal import Threads

/// Finds the addresses of a host by the system's resolver, which blocks: each look-up has a thread of its own.
enum AddressResolver {
    typealias Found = Result<[SocketAddress], SocketError>

    /// Look-ups that may be under way at once; beyond it a connection fails as if the name were unknown.
    static let maximumLookups = 16
    /// glibc's resolver keeps its answers on the stack.
    private static let stackSize = 1 << 20
    private static let lookups = Atomic<Int>(0)

    /// - Parameter completion: called on the loop, at once for an address.
    static func resolve(_ host: String, port: Int, on loop: EpollLoop, _ completion: @escaping (Found) -> Void) {
        if let address = SocketAddress(literal: host, port: port) { return completion(.success([address])) }
        guard lookups.wrappingAdd(1, ordering: .relaxed).newValue <= maximumLookups else {
            lookups.wrappingSubtract(1, ordering: .relaxed)
            let message = "\(maximumLookups) look-ups of names are under way"
            return completion(.failure(SocketError(code: .tooManyLookups, message: message)))
        }
        let answer = LoopBound(completion, on: loop)
        do throws(ThreadError) {
            try OwnedThread.detach(named: "resolver", stackSize: stackSize) {
                let found = Result { () throws(SocketError) in try lookUp(host, port: port, flags: 0) }
                lookups.wrappingSubtract(1, ordering: .relaxed)
                loop.execute { answer.value(found) }
            }
        } catch {
            lookups.wrappingSubtract(1, ordering: .relaxed)
            completion(.failure(.system("pthread_create", error.number)))
        }
    }

    /// Blocks until the system's resolver has answered.
    ///
    /// - Parameter flags: `AI_PASSIVE` for an address to listen on.
    static func lookUp(_ host: String, port: Int, flags: Int32) throws(SocketError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw SocketError(code: .unknownHost, message: "\(host): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr {
                addresses.append(SocketAddress(address, length: entry.pointee.ai_addrlen))
            }
            next = entry.pointee.ai_next
        }
        return addresses
    }
}
