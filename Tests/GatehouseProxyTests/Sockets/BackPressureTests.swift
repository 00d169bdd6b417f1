import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Neither side is read faster than the other takes, so memory stays bounded; then all bytes arrive.
@Suite struct BackPressureTests {
    static let size = 32 << 20
    /// Gatehouse's own buffers and those of the kernel, which tunes them up to some MiB for each socket.
    static let bound = 24 << 20
    /// A stall is believed after this many seconds; a machine under load that is slower makes the test weaker, never wrong.
    static let quiet = 0.5

    /// Bytes without a period that a lost or doubled buffer could hide in.
    static func pattern(_ count: Int) -> [UInt8] {
        var state: UInt64 = 7
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
            for index in 0..<count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[index] = UInt8(truncatingIfNeeded: state >> 33)
            }
            initialized = count
        }
    }

    /// Pushes the rest through one socket while another thread's worth of reading happens here, in turns.
    private func pump(_ bytes: ArraySlice<UInt8>, from source: RawSocket, to sink: RawSocket, count: Int) throws
        -> [UInt8]
    {
        var rest = bytes
        var got: [UInt8] = []
        got.reserveCapacity(count)
        while got.count < count {
            rest = rest.dropFirst(try source.sendUntilStalled(Array(rest.prefix(1 << 20)), quiet: 0))
            got += try sink.receive(count: min(64 << 10, count - got.count))
        }
        return got
    }

    @Test func `a client that does not read stops the upstream`() async throws {
        let body = Self.pattern(Self.size)
        try await Gateway.run { gateway in
            let client = try gateway.client(receiveBuffer: 16 << 10)
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n")
            let taken = try upstream.sendUntilStalled(body, quiet: Self.quiet)
            #expect(taken < Self.bound)
            _ = try client.receive(through: "\r\n\r\n")
            #expect(try pump(body[taken...], from: upstream, to: client, count: Self.size) == body)
            _ = try gateway.exchange(client, over: upstream)
        }
    }

    @Test func `an upstream that does not read stops the client`() async throws {
        let body = Self.pattern(Self.size)
        try await Gateway.run(
            upstream: try RawListener(receiveBuffer: 16 << 10),
            routes: { [try Gateway.route($0.url, limits: RouteLimits(body: Self.size))] }
        ) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: \(Self.size)"]))
            let upstream = try gateway.upstream.accept()
            let taken = try client.sendUntilStalled(body, quiet: Self.quiet)
            #expect(taken < Self.bound)
            _ = try upstream.receive(through: "\r\n\r\n")
            #expect(try pump(body[taken...], from: client, to: upstream, count: Self.size) == body)
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
            #expect(try gateway.audit.waitForOutcomes().first?.bytesIn == Int64(Self.size))
        }
    }

    @Test func `a tunnel has back-pressure, too`() async throws {
        let body = Self.pattern(Self.size)
        try await Gateway.run { gateway in
            let client = try gateway.client(receiveBuffer: 16 << 10)
            try client.send(Gateway.get("/ws", "Connection: Upgrade", "Upgrade: websocket"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            _ = try client.receive(through: "\r\n\r\n")
            let taken = try upstream.sendUntilStalled(body, quiet: Self.quiet)
            #expect(taken < Self.bound)
            #expect(try pump(body[taken...], from: upstream, to: client, count: Self.size) == body)
        }
    }

    @Test func `a body that comes before the decision is held up to the bound, and then passes`() async throws {
        let body = Self.pattern(Self.size)
        try await Gateway.run(routes: { [try Gateway.route($0.url, limits: RouteLimits(body: Self.size))] }) {
            gateway in
            gateway.audit.answer(.pending)
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: \(Self.size)"]))
            try gateway.audit.waitUntilPending()
            let taken = try client.sendUntilStalled(body, quiet: Self.quiet)
            #expect(taken < Self.bound)
            #expect(!gateway.upstream.hasConnection)
            gateway.audit.settle(durable: true)
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            #expect(try pump(body[taken...], from: client, to: upstream, count: Self.size) == body)
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }
}
