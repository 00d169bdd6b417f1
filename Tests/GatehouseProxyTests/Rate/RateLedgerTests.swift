import Testing

@testable import GatehouseProxy

/// Scripts of what instances tell each other.
@Suite("The accounts of a fleet's rates") struct RateLedgerTests {
    private typealias Other = RateLedger.Other

    private static func sum(_ spent: Int64, of owner: UInt = 1, at instance: String = "b", madeAt: Int64 = 100) -> Other
    {
        Other(instance: instance, owner: owner, spent: spent, madeAt: madeAt)
    }

    @Test func `sums are told once, and again where they have grown`() {
        var ledger = RateLedger()
        ledger.spent([1: 10, 2: 5], at: .zero)
        #expect(ledger.news.map(\.total) == [10, 5])
        _ = ledger.exchanged([], databaseTime: 1, at: .zero)
        #expect(ledger.news.isEmpty)
        ledger.spent([2: 7], at: .seconds(1))
        #expect(ledger.news.map(\.owner) == [2] && ledger.news.map(\.total) == [12])
    }

    @Test func `what others have spent is taken once, and what they spent before is not`() {
        var ledger = RateLedger()
        #expect(ledger.exchanged([Self.sum(1000, madeAt: 50)], databaseTime: 90, at: .zero) == [:])
        #expect(ledger.exchanged([Self.sum(1030, madeAt: 50)], databaseTime: 91, at: .seconds(1)) == [1: 30])
        // The same once more.
        #expect(ledger.exchanged([Self.sum(1030, madeAt: 50)], databaseTime: 92, at: .seconds(2)) == [:])
        // A sum that was begun since, at another instance, and the one of before.
        let sums = [
            Self.sum(1031, madeAt: 50), Self.sum(9, at: "c", madeAt: 93), Self.sum(4, of: 7, at: "c", madeAt: 93),
        ]
        #expect(ledger.exchanged(sums, databaseTime: 94, at: .seconds(3)) == [1: 10, 7: 4])
        // Begun anew, because nothing was spent for a while.
        #expect(ledger.exchanged([Self.sum(6, at: "c", madeAt: 95)], databaseTime: 95, at: .seconds(4)) == [1: 6])
        // One that is read for the first time and is older than this instance.
        #expect(ledger.exchanged([Self.sum(500, at: "d", madeAt: 80)], databaseTime: 96, at: .seconds(5)) == [:])
    }

    @Test func `after a time alone nothing of it is told or taken`() {
        var ledger = RateLedger()
        _ = ledger.exchanged([Self.sum(100)], databaseTime: 1, at: .zero)
        ledger.spent([1: 50], at: .seconds(1))
        ledger.failed()
        #expect(ledger.news.isEmpty)
        ledger.spent([1: 3], at: .seconds(60))
        #expect(ledger.news.map(\.total) == [3])
        #expect(ledger.exchanged([Self.sum(9000)], databaseTime: 200, at: .seconds(60)) == [:])
        #expect(ledger.exchanged([Self.sum(9001)], databaseTime: 201, at: .seconds(61)) == [1: 1])
    }

    @Test func `a short silence loses nothing of what others spent`() {
        var ledger = RateLedger()
        _ = ledger.exchanged([Self.sum(100)], databaseTime: 1, at: .zero)
        ledger.failed()
        #expect(ledger.exchanged([Self.sum(140)], databaseTime: 3, at: .seconds(3)) == [1: 40])
    }

    @Test func `rows that no instance would write take no one down`() {
        var ledger = RateLedger()
        _ = ledger.exchanged([], databaseTime: 1, at: .zero)
        let junk = [
            Self.sum(.max, of: 1, madeAt: .max), Self.sum(.min, of: 2, madeAt: .min),
            Self.sum(.max, of: 1, at: "c", madeAt: .max),
            Self.sum(-5, of: .max, madeAt: 2), Self.sum(.min, of: 1, madeAt: .max), Self.sum(.max, of: 1, madeAt: .max),
        ]
        for second in 1...5 {
            let growths = ledger.exchanged(junk, databaseTime: 2, at: .seconds(second))
            #expect(growths.values.allSatisfy { $0 <= RateLedger.largestGrowth })
        }
        let many = (0..<50_000).map { Self.sum(1, of: UInt($0), at: "junk", madeAt: 3) }
        #expect(ledger.exchanged(many, databaseTime: 4, at: .seconds(6)).count <= RateLedger.maximumOthers)
        ledger.spent(Dictionary(uniqueKeysWithValues: (0..<20_000).map { (UInt($0), UInt64.max) }), at: .seconds(6))
        #expect(ledger.news.count == RateLedger.maximumOwners)
        ledger.spent([ledger.news[0].owner: .max], at: .seconds(6))
        _ = ledger.exchanged([], databaseTime: 5, at: .seconds(7))
        _ = ledger.exchanged([], databaseTime: 6, at: .seconds(7) + RateLedger.lifetime)
        ledger.spent([1: 1], at: .seconds(7) + RateLedger.lifetime)
        #expect(ledger.news.map(\.total) == [1])
    }
}
