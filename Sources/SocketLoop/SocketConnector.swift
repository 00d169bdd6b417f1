internal import CLinux
package import GatehouseCore
internal import Glibc
package import NIOCore
package import TLSClient

/// Makes one connection: finds the addresses of a name, tries them in their order, and does the TLS handshake where TLS is spoken.
/// Confined to its loop.
package final class SocketConnector {
    package typealias Completion = (Result<StreamSocket, SocketError>) -> Void

    private let loop: EpollLoop
    private let tls: TLSSession?
    private let deadline: MonotonicTime?
    private let deadPeer: DeadPeer
    private var completion: Completion?
    private var timer: UInt64?
    private var addresses: ArraySlice<SocketAddress> = []
    private var attempt: ConnectAttempt?
    private var socket: StreamSocket?

    /// Connects, and calls back when the connection stands or cannot be had; never before it returns.
    ///
    /// - Parameters:
    ///   - tls: the session, of a server whose certificate must verify before the connection counts as standing.
    ///   - timeout: for all of it; nil leaves it to the kernel (tcp(7), `tcp_syn_retries`).
    package static func connect(
        to endpoint: Endpoint,
        tls: TLSSession?,
        within timeout: TimeSpan?,
        deadPeer: DeadPeer = .standard,
        on loop: EpollLoop,
        _ completion: @escaping Completion
    ) {
        let connector = SocketConnector(loop, tls, timeout.map { loop.now + $0 }, deadPeer, completion)
        loop.soon { connector.begin(endpoint) }
    }

    private init(
        _ loop: EpollLoop,
        _ tls: TLSSession?,
        _ deadline: MonotonicTime?,
        _ deadPeer: DeadPeer,
        _ completion: @escaping Completion
    ) {
        self.loop = loop
        self.tls = tls
        self.deadline = deadline
        self.deadPeer = deadPeer
        self.completion = completion
    }

    private func begin(_ endpoint: Endpoint) {
        if let deadline {
            timer = loop.schedule(at: deadline) { [self] in
                timer = nil
                fail(SocketError(code: .timedOut, message: "no connection in time"))
            }
        }
        switch endpoint {
        case .unix(let path):
            guard let address = SocketAddress(unix: path) else { return fail(.system(path, ENAMETOOLONG)) }
            addresses = [address]
            tryNext()
        case .tcp(let host, let port):
            AddressResolver.shared.resolve(host, port: port, on: loop) { [self] found in
                switch found {
                case .success(let all):
                    addresses = all[...]
                    tryNext()
                case .failure(let error): fail(error)
                }
            }
        }
    }

    // MARK: - Addresses

    private func tryNext(after error: SocketError? = nil) {
        guard completion != nil else { return }
        guard let address = addresses.popFirst() else {
            return fail(error ?? SocketError(code: .unknownHost, message: "the name has no address"))
        }
        do throws(SocketError) {
            let descriptor = try StreamSocket.makeDescriptor(address.family)
            if address.family != AF_UNIX {
                StreamSocket.setNoDelay(descriptor)
                deadPeer.apply(to: descriptor)
            }
            let result = address.withSockaddr { Glibc.connect(descriptor, $0, $1) }
            let number = errno
            if result == 0 { return stand(try StreamSocket(adopting: descriptor, on: loop, tls: tls)) }
            guard number == EINPROGRESS else {
                close(descriptor)
                return tryNext(after: .system("connect", number))
            }
            attempt = try ConnectAttempt(descriptor, on: loop) { [self] outcome in
                guard let made = attempt else { return }
                attempt = nil
                switch outcome {
                case .stands(let events): stand(StreamSocket(succeeding: made, events: events, tls: tls))
                case .failed(let number): tryNext(after: .system("connect", number))
                }
            }
            limitAttempt()
        } catch {
            tryNext(after: error)
        }
    }

    /// An address that does not answer must not use up the time of those behind it.
    private func limitAttempt() {
        guard let deadline, !addresses.isEmpty, let limited = attempt else { return }
        let share = TimeSpan(nanoseconds: (deadline - loop.now).nanoseconds / Int64(addresses.count + 1))
        loop.schedule(after: share) { [self] in
            guard attempt === limited else { return }
            limited.giveUp()
            attempt = nil
            tryNext(after: SocketError(code: .timedOut, message: "no connection in time"))
        }
    }

    // MARK: - Standing

    private func stand(_ socket: StreamSocket) {
        guard tls != nil else { return succeed(socket) }
        self.socket = socket
        socket.handler = self
        socket.beginHandshake()
    }

    private func succeed(_ socket: StreamSocket) {
        self.socket = nil
        finish(.success(socket))
    }

    private func fail(_ error: SocketError) {
        attempt?.giveUp()
        attempt = nil
        socket?.handler = nil
        socket?.close()
        socket = nil
        finish(.failure(error))
    }

    private func finish(_ result: Result<StreamSocket, SocketError>) {
        if let timer { loop.cancel(timer) }
        timer = nil
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }
}

extension SocketConnector: StreamSocketHandler {
    package var mayRead: Bool { true }

    package func received(_ bytes: ByteBuffer) {}
    package func readCompleted() {}
    package func becameWritable() {}

    package func secured() {
        guard let socket else { return }
        // The socket's new owner sets a handler before more is read.
        socket.handler = nil
        succeed(socket)
    }

    package func closed(isBroken: Bool) {
        socket = nil
        fail(SocketError(code: .tls, message: "the TLS handshake failed"))
    }
}

/// A connection that is being made.
private final class ConnectAttempt: Pollable {
    enum Outcome {
        /// The descriptor is the callee's.
        case stands(events: UInt32)
        case failed(errno: Int32)
    }

    private var completion: ((Outcome) -> Void)?

    init(_ descriptor: CInt, on loop: EpollLoop, _ completion: @escaping (Outcome) -> Void) throws(SocketError) {
        self.completion = completion
        super.init(descriptor, on: loop)
        do throws(SocketError) { try loop.watch(self, StreamSocket.interest) } catch {
            close(descriptor)
            throw error
        }
    }

    override func ready(_ events: UInt32) {
        let isFailed = events & (gatehouse_epoll_error | gatehouse_epoll_hangup) != 0
        // A socket that was never connected counts as hung up until the attempt has begun.
        guard let completion, isFailed || events & gatehouse_epoll_out != 0 else { return }
        self.completion = nil
        guard isFailed else { return completion(.stands(events: events)) }
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size)
        guard number != 0 else { return completion(.stands(events: events)) }
        loop.forget(self)
        close(descriptor)
        completion(.failed(errno: number))
    }

    func giveUp() {
        guard completion != nil else { return }
        completion = nil
        loop.forget(self)
        close(descriptor)
    }
}
