/// The accounts by which the instances of a fleet hold callers to one rate together: a machine without clock, database or table.
///
/// Each instance tells the others the sum of what each caller has spent there, and they take what it has grown by out of their own buckets. A sum may be told
/// twice and read late, and nothing is counted twice. Times are since any fixed point of a monotonic clock; those of the database are its own.
package struct RateLedger: Sendable {
    /// Sums that are kept of this instance; the spending of further owners is told to nobody.
    package static let maximumOwners = 8192
    /// Sums that are kept of others; of further ones nothing is taken.
    package static let maximumOthers = 40_000
    /// How long a sum is kept that does not grow here, or is not read of others any more: longer than the database gives one that has not grown.
    package static let lifetime: Duration = .seconds(60)
    /// After such a time without an exchange each instance was alone, and the spending of that time is nobody else's.
    package static let gap: Duration = .seconds(5)
    /// The largest growth that is believed, in nanoseconds: a bucket of a week.
    static let largestGrowth: UInt64 = 7 * 86_400 * 1_000_000_000

    /// The sum of another instance.
    package struct Other: Sendable, Equatable {
        package let instance: String
        package let owner: UInt
        package let spent: Int64
        /// When its sum was begun, by the database's clock.
        package let madeAt: Int64

        package init(instance: String, owner: UInt, spent: Int64, madeAt: Int64) {
            self.instance = instance
            self.owner = owner
            self.spent = spent
            self.madeAt = madeAt
        }
    }

    private struct Own {
        var total: Int64
        var told: Int64
        var grownAt: Duration
    }

    private struct Place: Hashable {
        let instance: String
        let owner: UInt
    }

    private struct Known {
        var spent: Int64
        let madeAt: Int64
        var seenAt: Duration
    }

    private var own: [UInt: Own] = [:]
    private var others: [Place: Known] = [:]
    private var exchangedAt: Duration?
    /// The database's time of the first exchange after a gap.
    private var beganAt: Int64 = 0

    package init() {}

    /// This instance's callers have spent so much more.
    package mutating func spent(_ more: [UInt: UInt64], at now: Duration) {
        for (owner, nanoseconds) in more {
            let growth = Int64(min(nanoseconds, Self.largestGrowth))
            guard var account = own[owner] else {
                if own.count < Self.maximumOwners { own[owner] = Own(total: growth, told: 0, grownAt: now) }
                continue
            }
            account.total = account.total > .max - growth ? growth : account.total + growth
            account.grownAt = now
            own[owner] = account
        }
    }

    /// The sums that the others have to be told.
    package var news: [(owner: UInt, total: Int64)] {
        own.filter { $0.value.told != $0.value.total }.map { (owner: $0.key, total: $0.value.total) }
            .sorted { $0.owner < $1.owner }
    }

    /// The news were told, and these are the sums of the others.
    ///
    /// - Returns: the nanoseconds to take out of each owner's bucket.
    package mutating func exchanged(_ sums: [Other], databaseTime: Int64, at now: Duration) -> [UInt: UInt64] {
        let isFresh = exchangedAt.map { now - $0 > Self.gap } ?? true
        if isFresh {
            beganAt = databaseTime
            others = [:]
        }
        exchangedAt = now
        for (owner, account) in own { own[owner]?.told = account.total }
        own = own.filter { now - $0.value.grownAt <= Self.lifetime }
        var growths: [UInt: UInt64] = [:]
        for sum in sums {
            let place = Place(instance: sum.instance, owner: sum.owner)
            var before: Int64 = sum.madeAt >= beganAt && !isFresh ? 0 : sum.spent
            if let known = others[place], known.madeAt == sum.madeAt { before = known.spent }
            guard others[place] != nil || others.count < Self.maximumOthers else { continue }
            let (growth, overflows) = sum.spent.subtractingReportingOverflow(before)
            let isGrown = !overflows && growth > 0
            others[place] = Known(spent: sum.spent, madeAt: sum.madeAt, seenAt: now)
            guard isGrown else { continue }
            growths[sum.owner] = min(
                growths[sum.owner, default: 0] + min(UInt64(growth), Self.largestGrowth),
                Self.largestGrowth
            )
        }
        others = others.filter { now - $0.value.seenAt <= Self.lifetime }
        return growths
    }

    /// The others could not be told: what was spent meanwhile is never told them.
    package mutating func failed() {
        for (owner, account) in own { own[owner]?.total = account.told }
    }
}
