import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct RateTableTests {
    static let second: UInt64 = 1_000_000_000

    @Test func `a bucket gives its burst, then one request for each interval`() {
        let bucket = RateBucket(RouteLimits.Rate(count: 3, per: .seconds(60)))
        var fullAt: UInt64 = 0
        func admit(at now: UInt64) -> RateBucket.Verdict {
            let verdict = bucket.admit(fullAt: fullAt, now: now)
            if case .admitted(let next) = verdict { fullAt = next }
            return verdict
        }
        let start = 1000 * Self.second
        #expect(admit(at: start) == .admitted(fullAt: start + 20 * Self.second))
        #expect(admit(at: start) == .admitted(fullAt: start + 40 * Self.second))
        #expect(admit(at: start) == .admitted(fullAt: start + 60 * Self.second))
        #expect(admit(at: start) == .limited(retryIn: 20 * Self.second))
        #expect(admit(at: start + 5 * Self.second) == .limited(retryIn: 15 * Self.second))
        #expect(admit(at: start + 20 * Self.second) == .admitted(fullAt: start + 80 * Self.second))
        #expect(admit(at: start + 20 * Self.second) == .limited(retryIn: 20 * Self.second))
        // Full again, and no fuller than full.
        #expect(admit(at: start + 500 * Self.second) == .admitted(fullAt: start + 520 * Self.second))
    }

    @Test func `a shorter time after a reload does not keep the caller out for the old one`() {
        let hour = RateBucket(RouteLimits.Rate(count: 1, per: .seconds(3600)))
        #expect(hour.admit(fullAt: 0, now: Self.second) == .admitted(fullAt: 3601 * Self.second))
        let short = RateBucket(RouteLimits.Rate(count: 1, per: .seconds(1)))
        #expect(short.admit(fullAt: 3601 * Self.second, now: Self.second) == .limited(retryIn: Self.second))
    }

    @Test(arguments: [true, false]) func `and lets it in once the new time is over`(asksFirst: Bool) throws {
        let table = RateTable()
        let coda = try RouteName(parsing: "coda")
        let ann = Principal(kind: .user, name: "ann")
        let hour = RouteLimits.Rate(count: 1, per: .seconds(3600))
        let short = RouteLimits.Rate(count: 1, per: .seconds(1))
        #expect(table.limit(ann, on: coda, to: hour, now: Self.second) == nil)
        let wait =
            asksFirst
            ? table.wait(ann, on: coda, under: short, now: Self.second)
            : table.limit(ann, on: coda, to: short, now: Self.second)
        #expect(wait == 1)
        #expect(table.wait(ann, on: coda, under: short, now: 2 * Self.second) == nil)
        #expect(table.limit(ann, on: coda, to: short, now: 2 * Self.second) == nil)
    }

    @Test(arguments: [1, 3, 7, 1_000_000], [Duration.seconds(1), .seconds(60), .seconds(86_400)])
    func `exactly the count is admitted at once`(count: Int, per: Duration) {
        let bucket = RateBucket(RouteLimits.Rate(count: count, per: per))
        var fullAt: UInt64 = 0
        var admitted = 0
        while case .admitted(let next) = bucket.admit(fullAt: fullAt, now: 5), admitted <= count {
            fullAt = next
            admitted += 1
        }
        #expect(admitted == count)
    }

    @Test func `several are admitted together or not at all`() throws {
        let bucket = RateBucket(RouteLimits.Rate(count: 3, per: .seconds(60)))
        #expect(bucket.admit(4, fullAt: 0, now: Self.second) == .limited(retryIn: 20 * Self.second))
        #expect(bucket.admit(3, fullAt: 0, now: Self.second) == .admitted(fullAt: 61 * Self.second))
        let table = RateTable()
        let rate = RouteLimits.Rate(count: 3, per: .seconds(60))
        let coda = try RouteName(parsing: "coda")
        let ann = Principal(kind: .user, name: "ann")
        func limit(_ count: Int) -> Int? { table.limit(ann, on: coda, to: rate, count: count, now: 1) }
        func wait() -> Int? { table.wait(ann, on: coda, under: rate, now: 1) }
        #expect(wait() == nil)
        #expect(limit(2) == nil)
        #expect(limit(2) == 20)
        #expect(wait() == nil)
        #expect(limit(1) == nil)
        #expect(wait() == 20)
        #expect(table.wait(ann, on: coda, under: rate, now: 20 * Self.second + 1) == nil)
    }

    @Test func `principals and routes are counted apart, in seconds rounded up`() throws {
        let table = RateTable()
        let rate = RouteLimits.Rate(count: 1, per: .milliseconds(1500))
        let (coda, other) = (try RouteName(parsing: "coda"), try RouteName(parsing: "other"))
        let ann = Principal(kind: .user, name: "ann")
        #expect(table.limit(ann, on: coda, to: rate, now: 1) == nil)
        #expect(table.limit(ann, on: coda, to: rate, now: 1) == 2)
        #expect(table.limit(ann, on: other, to: rate, now: 1) == nil)
        #expect(table.limit(Principal(kind: .bearer, name: "ann"), on: coda, to: rate, now: 1) == nil)
        #expect(table.limit(Principal(kind: .user, name: "bob"), on: coda, to: rate, now: 1) == nil)
        #expect(table.limit(ann, on: coda, to: rate, now: 1 + 3 * Self.second / 2) == nil)
    }

    @Test func `threads that count at once admit no more than the rate`() async throws {
        let table = RateTable()
        let rate = RouteLimits.Rate(count: 500, per: .seconds(3600))
        let coda = try RouteName(parsing: "coda")
        // There before the threads are: a newcomer that two of them count at the same instant may have two buckets.
        let ann = Principal(kind: .user, name: "ann")
        #expect(table.limit(ann, on: coda, to: rate, now: 1) == nil)
        let admitted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<400).count { _ in table.limit(ann, on: coda, to: rate, now: 1) == nil } }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 499)
    }

    @Test func `a full table takes newcomers and forgets the fullest buckets`() throws {
        let table = RateTable(buckets: RateTable.ways)
        let rate = RouteLimits.Rate(count: 1, per: .seconds(60))
        let coda = try RouteName(parsing: "coda")
        func limit(_ name: Int, _ now: UInt64) -> Int? {
            table.limit(Principal(kind: .user, name: "\(name)"), on: coda, to: rate, now: now)
        }
        for name in 0..<RateTable.ways { #expect(limit(name, UInt64(name + 1)) == nil) }
        for name in 0..<RateTable.ways { #expect(limit(name, 10) == 60) }
        #expect(limit(100, 20) == nil)
        #expect(limit(100, 20) == 60)
        // The one whose bucket would have been full first gave way.
        #expect(limit(0, 20) == nil)
        #expect(limit(RateTable.ways - 1, 20) == 60)
    }
}
