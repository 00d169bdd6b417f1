import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import AccessIdentity

@Suite struct FetchQueueTests {
    private static func person(_ name: String) -> SignIn.Person {
        SignIn.Person(Principal(kind: .user, name: name, subject: name))
    }

    @Test func `fetches are bounded for all and for each person, and begin in their order`() throws {
        var queue = FetchQueue()
        let first = (0..<8).compactMap { queue.join(Self.person("p\($0)"), isWaitedFor: true) }
        try #require(first.count == 8)
        #expect(first.allSatisfy { queue.isRunning($0) })
        let joined = [("r", false), ("p0", true), ("q", true)]
            .compactMap { queue.join(Self.person($0), isWaitedFor: $1) }
        try #require(joined.count == 3)
        let (refresh, again, next) = (joined[0], joined[1], joined[2])
        #expect(joined.allSatisfy { !queue.isRunning($0) })
        // One at a time for each person; who is waited for goes first.
        #expect(queue.ended(first[1]) == [next])
        #expect(queue.ended(first[0]) == [again])
        #expect(queue.ended(first[2]) == [refresh])
        #expect(queue.ended(first[2]).isEmpty && queue.running.count == 8 && queue.waiting.isEmpty)
        // Four of one person with the one under way.
        for _ in 0..<3 { #expect(queue.join(Self.person("q"), isWaitedFor: true) != nil) }
        #expect(queue.join(Self.person("q"), isWaitedFor: true) == nil)
        // The rest of the room is for all others; half of it for those that nobody waits for.
        for index in 3..<128 { #expect(queue.join(Self.person("w\(index)"), isWaitedFor: true) != nil) }
        #expect(queue.join(Self.person("x"), isWaitedFor: false) == nil)
        for index in 128..<256 { #expect(queue.join(Self.person("w\(index)"), isWaitedFor: true) != nil) }
        #expect(queue.join(Self.person("x"), isWaitedFor: true) == nil)
    }

    @Test func `what has ended leaves nothing behind`() {
        var queue = FetchQueue()
        var random = SplitMix(seed: 1)
        var open: [FetchQueue.Ticket] = []
        for _ in 0..<2000 {
            if let ticket = queue.join(Self.person("\(random.next() % 40)"), isWaitedFor: random.next() % 2 == 0) {
                open.append(ticket)
            }
            guard random.next() % 3 != 0, let ended = open.filter({ queue.isRunning($0) }).first else { continue }
            open.removeAll { $0 == ended }
            _ = queue.ended(ended)
            // No place stays empty while somebody waits who may have it.
            let busy = Set(queue.running.values)
            #expect(Array(queue.running.values).count == busy.count)
            #expect(queue.running.count == 8 || queue.waiting.allSatisfy { busy.contains($0.person) })
        }
        while let ended = queue.running.keys.first { _ = queue.ended(ended) }
        #expect(queue.waiting.isEmpty)
        #expect(privateCount("counts", of: queue) == 0)
        for _ in 0..<4 { #expect(queue.join(Self.person("1"), isWaitedFor: true) != nil) }
    }
}
