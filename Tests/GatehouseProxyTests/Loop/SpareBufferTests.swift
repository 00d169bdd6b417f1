import GatehouseTestSupport
import NIOCore
import Testing

@testable import GatehouseProxy

/// The memory of heads with tokens in them.
@Suite struct SpareBufferTests {
    static func memory(_ bytes: ByteBuffer) -> [UInt8] { bytes.withVeryUnsafeBytes { Array($0) } }

    @Test func `a head that is kept zeroed leaves nothing in the memory that serves again`() {
        var spare = SpareBuffer()
        var head = spare.take(capacity: 64)
        head.writeString("X-Coda-Api-Key: secret\r\n")
        let other = head
        spare.keepZeroed(head)
        #expect(other.readableBytes == 24)
        #expect(other.withUnsafeReadableBytes { $0.allSatisfy { $0 == 0 } })
        #expect(Self.memory(spare.take(capacity: 0)).allSatisfy { $0 == 0 })
    }

    /// The upstream's connection is new at first and reused then: the head is kept longer there, because it may have to be sent again.
    @Test func `after an exchange no token stands in the loop's memory`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let connection = try gateway.exchange(client)
            try await Self.expectNoToken(gateway)
            _ = try gateway.exchange(client, over: connection)
            try await Self.expectNoToken(gateway)
        }
    }

    static func expectNoToken(_ gateway: Gateway) async throws {
        let heads = try await gateway.server.onEachLoop { loop in
            let spare = loop.requestHeads.take(capacity: 0)
            defer { loop.requestHeads.keep(spare) }
            return Self.memory(spare)
        }
        let whole = heads.flatMap { $0 }
        #expect(whole.count > 100, "the head's memory serves again")
        #expect(!String(decoding: whole, as: UTF8.self).contains(Gateway.token))
    }
}
