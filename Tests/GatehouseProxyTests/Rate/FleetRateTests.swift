import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Several instances of one fleet, in time that a script gives: each with its table and its ledger, which meet once a second at instants of their own.
@Suite("One rate over a fleet") struct FleetRateTests {
    private static let second: UInt64 = 1_000_000_000
    private static let ann = Principal(kind: .user, name: "ann@example.com")
    private static let coda = try! RouteName(parsing: "coda")

    private final class Instance {
        let table = RateTable(fleetKey: (1, 2))
        let spending = FleetSpending()
        var ledger = RateLedger()
    }

    /// The sums as the database has them.
    private var sums: [String: [UInt: (total: Int64, madeAt: Int64)]] = [:]
    private var instances: [Instance] = []

    /// Offers requests evenly to all instances for some seconds.
    ///
    /// - Parameter isDown: whether the database is away in a second.
    /// - Returns: the requests that were admitted in each second.
    private mutating func run(
        _ count: Int,
        _ rate: RouteLimits.Rate,
        seconds: Int,
        offered: Int,
        only: Int? = nil,
        isDown: (Int) -> Bool = { _ in false }
    ) -> [Int] {
        instances = (0..<count).map { _ in Instance() }
        sums = [:]
        var admitted: [Int] = []
        // They know each other before the first caller comes.
        for index in 0..<count { exchange(index, 0, 1, isDown: false) }
        for second in 1...seconds {
            var passed = 0
            for step in 0..<offered {
                let now = UInt64(second) * Self.second + UInt64(step) * Self.second / UInt64(offered)
                for (index, instance) in instances.enumerated() {
                    // Each exchanges once a second, at another part of it.
                    if step == index * offered / count { exchange(index, second, now, isDown: isDown(second)) }
                    guard only.map({ $0 == index }) ?? (step % count == index) else { continue }
                    let wait = instance.table.limit(Self.ann, on: Self.coda, to: rate, now: now, instance.spending)
                    if wait == nil { passed += 1 }
                }
            }
            admitted.append(passed)
        }
        return admitted
    }

    private mutating func exchange(_ index: Int, _ second: Int, _ now: UInt64, isDown: Bool) {
        let (instance, name) = (instances[index], "\(index)")
        let uptime = Duration.nanoseconds(Int64(now))
        instance.ledger.spent(instance.spending.take(), at: uptime)
        guard !isDown else { return instance.ledger.failed() }
        for news in instance.ledger.news {
            let madeAt = sums[name]?[news.owner]?.madeAt ?? Int64(now)
            sums[name, default: [:]][news.owner] = (news.total, madeAt)
        }
        let others = sums.filter { $0.key != name }.flatMap { other, owners in
            owners.map {
                RateLedger.Other(instance: other, owner: $0.key, spent: $0.value.total, madeAt: $0.value.madeAt)
            }
        }
        let growths = instance.ledger.exchanged(others, databaseTime: Int64(now), at: uptime)
        for (owner, nanoseconds) in growths { instance.table.debit(owner, nanoseconds, now: now) }
    }

    private static let rate = RouteLimits.Rate(count: 600, per: .seconds(60), scope: .fleet)

    @Test(arguments: [1, 2, 3]) func `as much passes in a minute as one instance would let through`(count: Int) {
        var fleet = Self()
        // 40 a second for two minutes: the full bucket of 600, and 10 a second.
        let admitted = fleet.run(count, Self.rate, seconds: 120, offered: 42)
        let first = admitted.prefix(60).reduce(0, +)
        let all = admitted.reduce(0, +)
        #expect((1080...1320).contains(first), "\(first)")
        #expect((1620...1980).contains(all), "\(all)")
        // And in any ten seconds once the bucket is empty.
        for start in stride(from: 60, to: 110, by: 1) {
            #expect(
                (80...120).contains(admitted[start..<(start + 10)].reduce(0, +)),
                "\(admitted[start..<(start + 10)])"
            )
        }
    }

    @Test func `a burst over all instances is paid back, and one at a single instance passes whole`() {
        var fleet = Self()
        // 3,000 in the first second, before anybody has told anything.
        let admitted = fleet.run(3, Self.rate, seconds: 240, offered: 3000)
        #expect(admitted[0] <= 3 * 610)
        #expect((2700...3300).contains(admitted.reduce(0, +)), "\(admitted.reduce(0, +))")
        var other = Self()
        let single = other.run(3, Self.rate, seconds: 30, offered: 1000, only: 0)
        #expect((600...620).contains(single[0]) && (880...920).contains(single.reduce(0, +)), "\(single)")
    }

    @Test func `each is alone while the database is down, and no debt is left of that`() {
        var fleet = Self()
        let admitted = fleet.run(3, Self.rate, seconds: 120, offered: 42) { (40..<80).contains($0) }
        // Three times ten a second.
        #expect((1000...1300).contains(admitted[42..<79].reduce(0, +)), "\(admitted)")
        #expect((250...420).contains(admitted[82..<118].reduce(0, +)), "\(admitted)")
    }

    @Test func `an instance counts by itself without a fleet's key, and a rate of its own is nobody else's`() {
        let table = RateTable()
        let spending = FleetSpending()
        #expect(table.limit(Self.ann, on: Self.coda, to: Self.rate, now: 1, spending) == nil)
        #expect(spending.take().isEmpty)
        let shared = RateTable(fleetKey: (1, 2))
        let own = RouteLimits.Rate(count: 600, per: .seconds(60))
        #expect(shared.limit(Self.ann, on: Self.coda, to: own, now: 1, spending) == nil)
        #expect(spending.take().isEmpty)
        #expect(shared.limit(Self.ann, on: Self.coda, to: Self.rate, now: 1, spending) == nil)
        let taken = spending.take()
        #expect(taken.values.elementsEqual([100_000_000]))
        // Every instance gives the owner the same name, and another key another one.
        let again = RateTable(fleetKey: (1, 2))
        #expect(again.limit(Self.ann, on: Self.coda, to: Self.rate, now: 9, spending) == nil)
        #expect(spending.take().keys.elementsEqual(taken.keys))
        let foreign = RateTable(fleetKey: (1, 3))
        #expect(foreign.limit(Self.ann, on: Self.coda, to: Self.rate, now: 9, spending) == nil)
        #expect(!spending.take().keys.elementsEqual(taken.keys))
    }

    @Test func `a debt is bounded, and an absurd one too`() throws {
        let table = RateTable(fleetKey: (1, 2))
        let spending = FleetSpending()
        #expect(table.limit(Self.ann, on: Self.coda, to: Self.rate, now: 1, spending) == nil)
        let owner = try #require(spending.take().keys.first)
        table.debit(owner, .max, now: 1)
        table.debit(owner, .max, now: 1)
        // Three buckets too many, and one request: a minute each.
        let wait = try #require(table.wait(Self.ann, on: Self.coda, under: Self.rate, now: 1))
        #expect((180...181).contains(wait))
        // What goes beyond is forgiven: it is over after that time, and not a year later.
        let later = 1 + UInt64(wait) * Self.second
        #expect(table.limit(Self.ann, on: Self.coda, to: Self.rate, now: later - 2 * Self.second, spending) != nil)
        #expect(table.limit(Self.ann, on: Self.coda, to: Self.rate, now: later, spending) == nil)
    }
}
