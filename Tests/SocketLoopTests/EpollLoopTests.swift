import GatehouseTestSupport
import NIOCore
import Testing

@testable import SocketLoop

@Suite(.blocking) struct EpollLoopTests {
    @Test func `tasks of one thread keep their order`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let seen = Watched<[Int]>([])
        for number in 0..<1000 { loop.execute { seen.update { $0.append(number) } } }
        try seen.wait("all tasks") { $0.count == 1000 }
        #expect(seen.read { $0 == Array(0..<1000) })
        #expect(try await loop.submit { loop.isCurrent })
        #expect(!loop.isCurrent)
        await loop.stop()
    }

    @Test func `a stop runs what was handed over before it and takes nothing after`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let count = Watched(0)
        for _ in 0..<100 { loop.execute { count.update { $0 += 1 } } }
        await loop.stop()
        #expect(count.read { $0 } == 100)
        #expect(!loop.execute { count.update { $0 += 1 } })
        await #expect(throws: SocketError.self) { try await loop.submit { 1 } }
        // A second stop has nothing to do.
        await loop.stop()
    }

    @Test func `timers run in the order of their times, and not when cancelled`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let seen = Watched<[String]>([])
        try await loop.submit {
            func note(_ text: String) -> () -> Void { { seen.update { $0.append(text) } } }
            let now = loop.now
            loop.schedule(at: now + .milliseconds(30), note("third"))
            loop.schedule(at: now + .milliseconds(10), note("first"))
            let gone = loop.schedule(at: now + .milliseconds(15), note("never"))
            loop.schedule(at: now + .milliseconds(20), note("second"))
            loop.schedule(at: now + .milliseconds(20), note("second again"))
            loop.cancel(gone)
        }
        try seen.wait("the timers") { $0.count == 4 }
        #expect(seen.read { $0 } == ["first", "second", "second again", "third"])
        await loop.stop()
    }

    @Test func `closures for the end of an event run after it, those they add too`() async throws {
        let loop = try EpollLoop.start(named: "test")
        let seen = Watched<[Int]>([])
        try await loop.submit {
            loop.soon {
                seen.update { $0.append(2) }
                loop.soon { seen.update { $0.append(3) } }
            }
            seen.update { $0.append(1) }
        }
        try seen.wait("all three") { $0.count == 3 }
        #expect(seen.read { $0 } == [1, 2, 3])
        await loop.stop()
    }

    @Test func `times add up and stay within their bounds`() {
        let time = MonotonicTime(nanoseconds: 5)
        #expect(time + .milliseconds(1) == MonotonicTime(nanoseconds: 1_000_005))
        #expect(time + TimeSpan(.seconds(Int64.max)) == MonotonicTime(nanoseconds: .max))
        #expect(TimeSpan(.seconds(-1)) == .seconds(-1))
        #expect(TimeSpan(.microseconds(1500)).microseconds == 1500)
        #expect(MonotonicTime.now() <= MonotonicTime.now())
    }
}
