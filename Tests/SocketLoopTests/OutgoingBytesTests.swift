import GatehouseTestSupport
import Glibc
import NIOCore
import Testing

@testable import SocketLoop

@Suite(.blocking) struct OutgoingBytesTests {
    private static func pair() throws -> (sender: Int32, receiver: Int32) {
        var pair: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
            throw SocketFailure("socketpair", errno)
        }
        for descriptor in pair { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        return (pair[0], pair[1])
    }

    private static func drain(_ descriptor: Int32, into bytes: inout [UInt8]) {
        var place = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = recv(descriptor, &place, place.count, 0), count > 0 { bytes += place[..<count] }
    }

    /// Against a list of bytes: whatever is added, blocked and taken in parts comes out in order.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func `no byte is lost, doubled or moved`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let (sender, receiver) = try Self.pair()
        defer {
            close(sender)
            close(receiver)
        }
        var outgoing = OutgoingBytes()
        var expected: [UInt8] = []
        var arrived: [UInt8] = []
        var isBlocked = false
        for step in 0..<150 {
            switch UInt8.random(in: 0..<8, using: &random) {
            case 0...4:
                let size = [1, 40, 700, 16 << 10, (16 << 10) + 1, 70_000].randomElement(using: &random) ?? 1
                let bytes =
                    [UInt8](repeating: UInt8(step & 0xFF), count: size - 1) + [
                        UInt8.random(in: 0...255, using: &random)
                    ]
                expected += bytes
                outgoing.append(ByteBuffer(bytes: bytes), copies: isBlocked)
            case 5: Self.drain(receiver, into: &arrived)
            case _:
                isBlocked = false
                sending: while outgoing.count > 0 {
                    switch outgoing.send(over: sender) {
                    case .sent: continue
                    case .blocked:
                        isBlocked = true
                        outgoing.keepOwn()
                        break sending
                    case .failed: Issue.record("a socket pair takes bytes")
                    }
                }
            }
            #expect(outgoing.count == expected.count - arrived.count - Self.waiting(receiver))
        }
        while outgoing.count > 0 {
            _ = outgoing.send(over: sender)
            Self.drain(receiver, into: &arrived)
        }
        Self.drain(receiver, into: &arrived)
        #expect(arrived == expected)
    }

    /// Bytes in the kernel.
    private static func waiting(_ descriptor: Int32) -> Int {
        var count: Int32 = 0
        _ = ioctl(descriptor, UInt(FIONREAD), &count)
        return Int(count)
    }

    @Test func `small parts that wait let go of the memory they were received in`() {
        var received = ByteBuffer()
        received.reserveCapacity(StreamSocket.receiveSize)
        received.writeString("data: x\n\n")
        let before = received.withUnsafeReadableBytes { $0.baseAddress }
        var outgoing = OutgoingBytes()
        outgoing.append(received, copies: false)
        outgoing.keepOwn()
        received.clear(minimumCapacity: StreamSocket.receiveSize)
        received.writeString("again")
        // Nobody else holds it, so the same memory serves again.
        #expect(received.withUnsafeReadableBytes { $0.baseAddress } == before)
    }
}
