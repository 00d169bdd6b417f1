import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Clients that leave at any point: nothing of them may stay.
@Suite struct StormTests {
    /// xorshift64*: the same storm each time.
    struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return Int(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 33) % sides
        }
    }

    /// Answers by path until the connection ends; every connection on a thread of its own.
    private final class Upstream: Sendable {
        let open = Watched(0)

        func serve(_ listener: RawListener, until isOver: Watched<Bool>) {
            Thread.detachNewThread { [self] in
                while !isOver.read({ $0 }) {
                    guard let connection = try? listener.accept(within: 0.05) else { continue }
                    open.update { $0 += 1 }
                    // Handed over whole: nobody else has it.
                    nonisolated(unsafe) let handed = connection
                    Thread.detachNewThread { [self] in
                        try? answer(handed)
                        handed.close()
                        open.update { $0 -= 1 }
                    }
                }
            }
        }

        private func answer(_ connection: RawSocket) throws {
            while true {
                let head = try connection.receive(through: "\r\n\r\n")
                let line = head.prefix { $0 != "\r\n" }
                if head.contains("Transfer-Encoding") {
                    _ = try connection.receiveChunked()
                } else if let range = head.range(of: "Content-Length: ") {
                    _ = try connection.receive(count: Int(head[range.upperBound...].prefix { $0.isNumber }) ?? 0)
                }
                if line.contains("/plain") {
                    try connection.send(Gateway.okay)
                } else if line.contains("/big") {
                    try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n")
                    try connection.send([UInt8](repeating: 0x61, count: 300_000))
                } else if line.contains("/sse") {
                    try connection.send(EventStreamTests.head + EventStreamTests.chunk("data: 1\n\n"))
                    // Until the client goes.
                    _ = try connection.receiveToEnd(orReset: true)
                    return
                } else if line.contains("/half") {
                    try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
                    return
                } else {
                    return
                }
            }
        }
    }

    private static let paths = ["/plain", "/big", "/sse", "/half", "/die"]

    private static func request(_ dice: inout Dice) -> [UInt8] {
        let path = paths[dice.roll(paths.count)]
        let caller = dice.roll(8) == 0 ? "forged" : "alice"
        switch dice.roll(3) {
        case 0: return Array(Gateway.get(path, as: caller).utf8)
        case 1:
            return Array(Gateway.post(path, as: caller, body: String(repeating: "b", count: dice.roll(90_000))).utf8)
        case _:
            let chunk = EventStreamTests.chunk(String(repeating: "c", count: 1 + dice.roll(5000)))
            let head = Gateway.request("POST", ["Transfer-Encoding: chunked"], to: path, as: caller)
            return Array((head + chunk + chunk + "0\r\n\r\n").utf8)
        }
    }

    /// One client that sends whole requests, a part of one, reads some of the answers, and leaves one way or another.
    private static func client(_ gateway: Gateway, _ dice: inout Dice) throws {
        let client = try gateway.client()
        var bytes: [UInt8] = []
        for _ in 0...dice.roll(3) { bytes += request(&dice) }
        bytes = Array(bytes.prefix(1 + dice.roll(bytes.count)))
        do {
            try client.send(bytes)
            if dice.roll(2) == 0 { _ = try client.receive(count: 1) }
        } catch is SocketFailure {
            // Answered with a close before all was sent.
        } catch is TimedOut {
            Issue.record("a client was kept waiting")
        }
        if dice.roll(2) == 0 { client.reset() } else { client.close() }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `nothing is left of clients that leave at any point`(seed: UInt64) async throws {
        let upstream = Upstream()
        let isOver = Watched(false)
        var limits = ServerLimits()
        limits.upstreamKeepAlive = .seconds(59)
        // A client that awaits an answer to half a request gets it by this.
        limits.bodyTimeout = .milliseconds(100)
        limits.headTimeout = .milliseconds(100)
        try await Gateway.run(limits: limits, threads: 2) { gateway in
            upstream.serve(gateway.upstream, until: isOver)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        var dice = Dice(state: seed &* 1000 &+ UInt64(lane) &+ 1)
                        for _ in 0..<20 { try Self.client(gateway, &dice) }
                    }
                }
                try await group.waitForAll()
            }
            try await gateway.expectNoConnections()
            // Every upstream connection that is still open waits in a pool. Asked once only: one that Gatehouse has opened and
            // closed may still stand in the listener's queue, and counts for a moment when it is accepted.
            try await Polling.until("every open upstream connection to wait in a pool") {
                try await upstream.open.read { $0 } == gateway.idle()
            }
            #expect(try await gateway.server.onEachLoop { $0.openExchanges }.allSatisfy { $0 == 0 })
            #expect(gateway.audit.unpaired.isEmpty)
            #expect(gateway.audit.decisions.count > 50)
            await gateway.server.drain(within: .seconds(5))
            try upstream.open.wait("the upstream connections to close") { $0 == 0 }
            isOver.update { $0 = true }
        }
    }
}
