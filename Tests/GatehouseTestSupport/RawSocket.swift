internal import Glibc

/// A connected socket whose bytes the test writes and reads itself: no HTTP library could hide what went over the wire.
/// Every wait is bounded.
package final class RawSocket {
    /// Seconds that any single wait may take. `GATEHOUSE_TEST_PATIENCE` makes them fewer for a run whose tests are to fail, as under a mutation:
    /// there each waits in vain for what does not come.
    package static let patience = getenv("GATEHOUSE_TEST_PATIENCE").flatMap { Double(String(cString: $0)) } ?? 45

    package enum Address: Hashable, Sendable {
        /// On 127.0.0.1.
        case tcp(port: Int)
        case unix(path: String)
    }

    private(set) var descriptor: Int32
    /// Received and not yet asked for.
    private var buffer: [UInt8] = []
    /// All that came, from the first byte on.
    package private(set) var received: [UInt8] = []

    package init(descriptor: Int32) {
        self.descriptor = descriptor
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// - Parameter receiveBuffer: bytes that the kernel keeps for this side; small ones make back-pressure felt soon.
    package convenience init(connectingTo address: Address, receiveBuffer: Int? = nil) throws {
        let descriptor = try SocketFailure.check(
            socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0),
            "socket"
        )
        if var bytes = receiveBuffer.map(Int32.init) { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4) }
        let result = address.withSockaddr { connect(descriptor, $0, $1) }
        guard result == 0 else {
            let failure = SocketFailure("connect", errno)
            Glibc.close(descriptor)
            throw failure
        }
        self.init(descriptor: descriptor)
    }

    deinit { close() }

    // MARK: - Ending

    package func close() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        descriptor = -1
    }

    /// Closes with a reset instead of an end.
    package func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    package func shutdownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

    // MARK: - Sending

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            sent += try sendSome(bytes[sent...])
            if sent < bytes.count { try wait(for: Int16(POLLOUT), "room to send", RawSocket.patience) }
        }
    }

    /// Sends until the peer has taken nothing for `quiet` seconds.
    ///
    /// - Returns: the bytes that the kernel took.
    package func sendUntilStalled(_ bytes: [UInt8], quiet: Double) throws -> Int {
        var sent = 0
        while sent < bytes.count {
            sent += try sendSome(bytes[sent...])
            guard sent < bytes.count else { break }
            do { try wait(for: Int16(POLLOUT), "room to send", quiet) } catch is TimedOut { break }
        }
        return sent
    }

    private func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count < 0 {
            guard errno == EAGAIN else { throw SocketFailure("send", errno) }
            return 0
        }
        return count
    }

    // MARK: - Receiving

    /// Everything up to and with `marker`.
    package func receive(through marker: String) throws -> String {
        let marker = Array(marker.utf8)
        var from = 0
        while true {
            if let end = Self.end(of: marker, in: buffer, from: from) {
                return String(decoding: take(end), as: UTF8.self)
            }
            from = max(0, buffer.count - marker.count)
            guard try fill() else {
                throw SocketFailure(
                    "end of the connection before \(String(decoding: marker, as: UTF8.self).debugDescription); got \(String(decoding: buffer, as: UTF8.self).debugDescription)",
                    0
                )
            }
        }
    }

    package func receive(count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill() else {
                throw SocketFailure("end of the connection after \(buffer.count) of \(count) bytes", 0)
            }
        }
        return take(count)
    }

    /// Receives these very bytes and nothing else before them.
    package func receive(exactly text: String) throws {
        let got = try receive(count: text.utf8.count)
        guard got.elementsEqual(text.utf8) else {
            throw SocketFailure(
                "expected \(text.debugDescription), got \(String(decoding: got, as: UTF8.self).debugDescription)",
                0
            )
        }
    }

    /// Everything up to the end of the connection. A reset counts as its end only where it is awaited. What sends without an end is not listened to for
    /// ever.
    package func receiveToEnd(orReset: Bool = false) throws -> [UInt8] {
        let end = ContinuousClock.now + .seconds(4 * RawSocket.patience)
        do {
            while try fill() {
                guard ContinuousClock.now < end else { throw TimedOut(what: "the end of what is sent") }
            }
        } catch let failure as SocketFailure {
            guard orReset, failure.isReset else { throw failure }
        }
        return take(buffer.count)
    }

    package func receiveTextToEnd(orReset: Bool = false) throws -> String {
        String(decoding: try receiveToEnd(orReset: orReset), as: UTF8.self)
    }

    /// Bytes that came and were not asked for yet, without waiting.
    package func pendingBytes() throws -> Int {
        while try poll(Int16(POLLIN), 0), try fill() {}
        return buffer.count
    }

    private func take(_ count: Int) -> [UInt8] {
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    /// - Returns: false at the end of the connection.
    private func fill() throws -> Bool {
        try wait(for: Int16(POLLIN), "bytes", RawSocket.patience)
        let bytes = try [UInt8](unsafeUninitializedCapacity: 64 << 10) { bytes, count in
            let got = recv(descriptor, bytes.baseAddress, bytes.count, 0)
            if got < 0 { throw SocketFailure("recv", errno) }
            count = got
        }
        buffer += bytes
        received += bytes
        return !bytes.isEmpty
    }

    private func wait(for events: Int16, _ what: String, _ seconds: Double) throws {
        guard try poll(events, seconds) else { throw TimedOut(what: what) }
    }

    private func poll(_ events: Int16, _ seconds: Double) throws -> Bool {
        guard descriptor >= 0 else { throw SocketFailure("use after close", 0) }
        return try SocketFailure.poll(descriptor, events, seconds)
    }

    private static func end(of marker: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= marker.count else { return nil }
        for at in start...(bytes.count - marker.count) where bytes[at..<(at + marker.count)].elementsEqual(marker) {
            return at + marker.count
        }
        return nil
    }
}

package struct SocketFailure: Error, CustomStringConvertible {
    package let what: String
    package let code: Int32

    package init(_ what: String, _ code: Int32) {
        self.what = what
        self.code = code
    }

    package var isReset: Bool { code == ECONNRESET || code == EPIPE }
    package var description: String { code == 0 ? what : "\(what): \(String(cString: strerror(code)))" }

    static func check(_ result: Int32, _ what: String) throws -> Int32 {
        guard result >= 0 else { throw SocketFailure(what, errno) }
        return result
    }

    static func poll(_ descriptor: Int32, _ events: Int16, _ seconds: Double) throws -> Bool {
        var one = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let result = Glibc.poll(&one, 1, Int32(seconds * 1000))
            if result < 0, errno == EINTR { continue }
            return try check(result, "poll") > 0
        }
    }
}
