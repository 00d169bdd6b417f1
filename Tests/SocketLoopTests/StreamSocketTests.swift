import GatehouseTestSupport
import NIOCore
import Testing

@testable import SocketLoop

@Suite(.blocking) struct StreamSocketTests {
    private static func pattern(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 131 >> 3) }
    }

    @Test func `bytes go both ways, and the end is told after what came before it`() async throws {
        let (line, peer) = try await Line.open()
        #expect(try await line.send(Array("hello".utf8)))
        try peer.receive(exactly: "hello")
        try peer.send("there")
        peer.close()
        try line.events.wait("the end") { $0.isBroken != nil }
        line.events.read { events in
            #expect(String(decoding: events.received, as: UTF8.self) == "there")
            #expect(events.isBroken == false)
            #expect(events.calls.suffix(2) == ["read", "closed"])
        }
        #expect(try await line.with { $0.isOpen } == false)
        await line.loop.stop()
    }

    @Test func `more than one turn takes arrives whole`() async throws {
        let (line, peer) = try await Line.open()
        let sent = Self.pattern(StreamSocket.receiveSize * StreamSocket.readsInTurn * 3 + 17)
        try peer.send(sent)
        try line.events.wait("all bytes") { $0.received.count == sent.count }
        #expect(line.events.read { $0.received == sent })
        await line.loop.stop()
    }

    @Test func `nothing is left of what was received before`() async throws {
        let (line, peer) = try await Line.open()
        // The longest fills the loop's memory.
        for (before, length) in [(3000, 5), (StreamSocket.receiveSize, 1)] {
            let known = line.events.read { $0.received.count }
            try peer.send([UInt8](repeating: 0x41, count: before))
            try line.events.wait("the first") { $0.received.count == known + before }
            try peer.send([UInt8](repeating: 0x42, count: length))
            try line.events.wait("the second") { $0.received.count == known + before + length }
            #expect(
                line.events.read { $0.behind.prefix(before - length) }
                    == [UInt8](repeating: 0, count: before - length)[...]
            )
        }
        await line.loop.stop()
    }

    @Test func `what the peer does not take waits, and tells when there is room again`() async throws {
        let (line, peer) = try await Line.open()
        let pieces = (0..<400).map { index in Self.pattern(index % 7 == 0 ? 20_000 : 900 + index) }
        for piece in pieces { #expect(try await line.send(piece)) }
        #expect(try await line.with { $0.isWritable } == false)
        let all = pieces.flatMap { $0 }
        #expect(try peer.receive(count: all.count) == all)
        try line.events.wait("room") { $0.isWritableAgain }
        #expect(try await line.with { $0.isWritable })
        #expect(try await line.with { $0.sentBytes } == all.count)
        await line.loop.stop()
    }

    @Test func `a handler that cannot use bytes holds the peer up until it can`() async throws {
        let (line, peer) = try await Line.open(mayRead: false)
        let sent = Self.pattern(4 << 20)
        let taken = try peer.sendUntilStalled(sent, quiet: 0.2)
        #expect(taken < sent.count)
        #expect(line.events.read { $0.received.isEmpty })
        try await line.mayRead(true)
        try peer.send(Array(sent[taken...]))
        try line.events.wait("all bytes") { $0.received.count == sent.count }
        #expect(line.events.read { $0.received == sent })
        await line.loop.stop()
    }

    @Test func `an end is told though nothing is read, but not before the bytes in front of it`() async throws {
        let (line, peer) = try await Line.open(mayRead: false)
        peer.close()
        try line.events.wait("the end") { $0.isBroken != nil }

        let (other, talker) = try await Line.open(mayRead: false)
        try talker.send("last words")
        talker.close()
        // A second task sees what the first one's turn has made of the end.
        for _ in 0..<3 { _ = try await other.with { $0.isOpen } }
        #expect(other.events.read { $0.isBroken == nil })
        try await other.mayRead(true)
        try other.events.wait("the end") { $0.isBroken != nil }
        #expect(other.events.read { String(decoding: $0.received, as: UTF8.self) } == "last words")
        await line.loop.stop()
        await other.loop.stop()
    }

    @Test func `written is told once all has left, and a half-closed connection still reads`() async throws {
        let (line, peer) = try await Line.open()
        let sent = Self.pattern(1 << 20)
        _ = try await line.send(sent)
        try await line.with { $0.tellWhenWritten() }
        #expect(line.events.read { !$0.isWritten })
        #expect(try peer.receive(count: sent.count) == sent)
        try line.events.wait("the writing") { $0.isWritten }
        try await line.with { $0.shutOutput() }
        try peer.send("more")
        try line.events.wait("more") { $0.received.count == 4 }
        _ = try peer.receiveToEnd()
        #expect(line.events.read { $0.isBroken == nil })
        peer.close()
        try line.events.wait("the end") { $0.isBroken == false }
        await line.loop.stop()
    }

    @Test func `a write that fails leaves nothing behind and still reads what the peer has said`() async throws {
        let (line, peer) = try await Line.open(mayRead: false)
        try peer.send("no")
        peer.close()
        let (took, sent) = try await line.with { socket in
            socket.write(ByteBuffer(string: "anyone?"))
            return (socket.flush(), socket.sentBytes)
        }
        #expect(!took)
        #expect(sent == 0)
        try line.events.wait("the end") { $0.isBroken != nil }
        #expect(line.events.read { String(decoding: $0.received, as: UTF8.self) } == "no")
        #expect(try await line.send([1]) == false)
        await line.loop.stop()
    }

    @Test func `closing tells the handler once and at the end of the event`() async throws {
        let (line, peer) = try await Line.open()
        let isToldWithin = try await line.with { [events = line.events] socket in
            socket.close()
            socket.close()
            return events.read { $0.isBroken != nil }
        }
        #expect(!isToldWithin)
        try line.events.wait("the end") { $0.isBroken == false }
        #expect(line.events.read { $0.calls.count { $0 == "closed" } } == 1)
        _ = try peer.receiveToEnd()
        await line.loop.stop()
    }

    @Test func `a loop that stops closes its sockets`() async throws {
        let (line, peer) = try await Line.open()
        await line.loop.stop()
        _ = try peer.receiveToEnd()
        await #expect(throws: SocketError.self) { try await line.with { $0.isOpen } }
    }
}
