internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// Finds the addresses of hosts by the system's resolver, which blocks: each look-up has a thread of its own. What is shared by
/// callers, and for how long, is ``NameTable``'s to say.
final class AddressResolver: Sendable {
    typealias Found = Result<[SocketAddress], SocketError>
    typealias LookUp = @Sendable (String) -> Found

    /// One for the process, so that all loops share a look-up.
    static let shared = AddressResolver { name in Found { () throws(SocketError) in try lookUp(name) } }

    private struct Waiter: Sendable {
        let answer: LoopBound<(Found) -> Void>
        let port: Int
    }

    /// glibc's resolver keeps its answers on the stack.
    private static let stackSize = 1 << 20
    /// Seconds that a name server has for one try; glibc's own five are all the time that a connection has.
    private static let secondsPerTry: CInt = 2

    private let names = Mutex(NameTable<Waiter>())
    private let lookUp: LookUp

    init(_ lookUp: @escaping LookUp) { self.lookUp = lookUp }

    /// - Parameter completion: called on the loop, at once for an address and for a name that is known.
    func resolve(_ host: String, port: Int, on loop: EpollLoop, _ completion: @escaping (Found) -> Void) {
        if let address = SocketAddress(literal: host, port: port) { return completion(.success([address])) }
        var number: UInt64 = 0
        let waiter = Waiter(answer: LoopBound(completion, on: loop), port: port)
        let decision = names.withLock { names in
            names.asked(host, now: .now()) { id in
                number = id
                return waiter
            }
        }
        switch decision {
        case .known(let addresses): completion(.success(addresses.map { $0.with(port: port) }))
        case .wait(let fallsBack):
            if fallsBack { limitWait(host, number, on: loop) }
        case .lookUp(let fallsBack):
            if fallsBack { limitWait(host, number, on: loop) }
            begin(host)
        case .refused:
            let message = "too many look-ups of names are under way"
            completion(.failure(SocketError(code: .tooManyLookups, message: message)))
        }
    }

    private func limitWait(_ host: String, _ number: UInt64, on loop: EpollLoop) {
        loop.schedule(after: NameTable<Waiter>.patience) { [self] in
            guard let (waiter, addresses) = names.withLock({ $0.fallBack(host, number, now: .now()) }) else { return }
            waiter.answer.value(.success(addresses.map { $0.with(port: waiter.port) }))
        }
    }

    private func begin(_ host: String) {
        do throws(ThreadError) {
            try OwnedThread.detach(named: "resolver", stackSize: Self.stackSize) { [self] in
                end(host, lookUp(host))
            }
        } catch {
            end(host, .failure(.system("pthread_create", error.number)))
        }
    }

    private func end(_ host: String, _ found: Found) {
        let addresses = try? found.get()
        let isAnswer =
            if case .failure(let error) = found, case .unknownHost = error.code { true } else { addresses != nil }
        let (waiting, old) = names.withLock { $0.ended(host, addresses, isAnswer: isAnswer, now: .now()) }
        for waiter in waiting {
            let result = old.map { Found.success($0.map { $0.with(port: waiter.port) }) } ?? found
            waiter.answer.loop.execute { waiter.answer.value(result) }
        }
    }

    // MARK: - The system's resolver

    /// Blocks until the system's resolver has answered.
    ///
    /// - Parameter flags: `AI_PASSIVE` for an address to listen on.
    static func lookUp(_ host: String, port: Int = 0, flags: Int32 = 0) throws(SocketError) -> [SocketAddress] {
        gatehouse_limit_resolver(secondsPerTry)
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            let isAnswer = code == EAI_NONAME || code == gatehouse_no_address
            throw SocketError(
                code: isAnswer ? .unknownHost : .resolverFailed,
                message: "\(host): \(String(cString: gai_strerror(code)))"
            )
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

/// The addresses that a host's name has now.
package enum HostAddresses {
    /// Whether a host has to be looked up: it is no address.
    package static func isName(_ host: String) -> Bool { SocketAddress(literal: host, port: 0) == nil }

    /// Asks as connections do, so that a look-up is shared with them.
    ///
    /// - Parameter completion: called on the loop with the addresses as ``StreamSocket/peerAddress`` has them; nil when the resolver has no answer.
    package static func find(_ host: String, on loop: EpollLoop, _ completion: @escaping (Set<String>?) -> Void) {
        AddressResolver.shared.resolve(host, port: 0, on: loop) { found in
            completion((try? found.get()).map { Set($0.map(\.hostText)) })
        }
    }
}
