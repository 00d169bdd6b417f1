import Testing

@testable import SocketLoop

/// When a name is looked up, and who gets which answer: scripts of events, without a resolver.
@Suite struct NameTableTests {
    private typealias Table = NameTable<Int>

    private static let old = [SocketAddress(literal: "192.0.2.1", port: 0)].compactMap(\.self)
    private static let new = [SocketAddress(literal: "192.0.2.2", port: 0)].compactMap(\.self)

    private static func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000_000) + .milliseconds(milliseconds)
    }

    private static func text(_ addresses: [SocketAddress]?) -> [[UInt8]]? {
        addresses?.map { $0.withSockaddr { Array(UnsafeRawBufferPointer(start: $0, count: Int($1))) } }
    }

    private enum Step: Equatable {
        case known([[UInt8]])
        case wait(fallsBack: Bool)
        case lookUp(fallsBack: Bool)
        case refused

        init(_ decision: Table.Decision) {
            self =
                switch decision {
                case .known(let addresses): .known(NameTableTests.text(addresses) ?? [])
                case .wait(let fallsBack): .wait(fallsBack: fallsBack)
                case .lookUp(let fallsBack): .lookUp(fallsBack: fallsBack)
                case .refused: .refused
                }
        }
    }

    private static func ask(_ table: inout Table, _ waiter: Int, at time: Int64) -> Step {
        ask(&table, "mcp", waiter, at: time)
    }

    private static func ask(_ table: inout Table, _ name: String, _ waiter: Int, at time: Int64) -> Step {
        Step(table.asked(name, now: at(time)) { _ in waiter })
    }

    /// A table that found ``old`` at the time 0.
    private static func known() -> Table {
        var table = Table()
        _ = ask(&table, 0, at: 0)
        _ = table.ended("mcp", old, isAnswer: true, now: at(0))
        return table
    }

    @Test func `everyone who asks meanwhile waits for one look-up`() {
        var table = Table()
        #expect(Self.ask(&table, 1, at: 0) == .lookUp(fallsBack: false))
        for waiter in 2...30 { #expect(Self.ask(&table, waiter, at: 10) == .wait(fallsBack: false)) }
        let end = table.ended("mcp", Self.new, isAnswer: true, now: Self.at(50))
        #expect(end.waiting == Array(1...30))
        #expect(Self.ask(&table, 31, at: 60) == .known(Self.text(Self.new) ?? []))
    }

    @Test func `an answer is fresh for five seconds`() {
        var table = Self.known()
        #expect(Self.ask(&table, 1, at: 4_999) == .known(Self.text(Self.old) ?? []))
        #expect(Self.ask(&table, 2, at: 5_000) == .lookUp(fallsBack: true))
        let end = table.ended("mcp", Self.new, isAnswer: true, now: Self.at(5_010))
        #expect(end.waiting == [2])
        #expect(Self.text(end.old) == Self.text(Self.new))
        #expect(Self.ask(&table, 3, at: 5_020) == .known(Self.text(Self.new) ?? []))
    }

    @Test func `an old answer serves while the resolver fails, for a minute`() {
        var table = Self.known()
        #expect(Self.ask(&table, 1, at: 30_000) == .lookUp(fallsBack: true))
        let first = table.ended("mcp", nil, isAnswer: false, now: Self.at(34_000))
        #expect(first.waiting == [1])
        #expect(Self.text(first.old) == Self.text(Self.old))
        #expect(Self.ask(&table, 2, at: 60_000) == .lookUp(fallsBack: false))
        let second = table.ended("mcp", nil, isAnswer: false, now: Self.at(64_000))
        #expect(second.waiting == [2])
        #expect(second.old == nil)
    }

    @Test func `a name that the resolver does not know any more ends what was known of it`() {
        var table = Self.known()
        _ = Self.ask(&table, 1, at: 6_000)
        let end = table.ended("mcp", nil, isAnswer: true, now: Self.at(6_010))
        #expect(end.waiting == [1])
        #expect(end.old == nil)
        #expect(Self.ask(&table, 2, at: 6_020) == .lookUp(fallsBack: false))
    }

    @Test func `who has waited for a second takes the old answer, once`() throws {
        var table = Self.known()
        var number: UInt64 = 0
        _ = table.asked("mcp", now: Self.at(6_000)) { id in
            number = id
            return 1
        }
        let fallenBack = table.fallBack("mcp", number, now: Self.at(7_000))
        let (waiter, addresses) = try #require(fallenBack)
        #expect(waiter == 1)
        #expect(Self.text(addresses) == Self.text(Self.old))
        let again = table.fallBack("mcp", number, now: Self.at(7_001))
        #expect(again == nil)
        let end = table.ended("mcp", Self.new, isAnswer: true, now: Self.at(9_000))
        #expect(end.waiting == [])
        #expect(Self.ask(&table, 2, at: 9_001) == .known(Self.text(Self.new) ?? []))
    }

    @Test func `look-ups, waiters and names are bounded`() {
        var table = Table()
        for index in 0..<Table.maximumLookups {
            #expect(Self.ask(&table, "name\(index)", 0, at: 0) == .lookUp(fallsBack: false))
        }
        #expect(Self.ask(&table, "one more", 0, at: 0) == .refused)
        for _ in 1..<Table.maximumWaiting { #expect(Self.ask(&table, "name0", 0, at: 1) == .wait(fallsBack: false)) }
        #expect(Self.ask(&table, "name0", 0, at: 1) == .refused)
        for index in 0..<Table.maximumLookups {
            _ = table.ended("name\(index)", Self.new, isAnswer: true, now: Self.at(2))
        }
        for index in 0..<Table.maximumNames {
            #expect(Self.ask(&table, "later\(index)", 0, at: 3) == .lookUp(fallsBack: false))
            _ = table.ended("later\(index)", Self.new, isAnswer: true, now: Self.at(3))
        }
        // The names that were asked for the longest ago made room.
        #expect(Self.ask(&table, "name0", 0, at: 4) == .lookUp(fallsBack: false))
    }
}
