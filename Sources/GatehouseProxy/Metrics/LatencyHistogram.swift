/// Counts of times in fixed buckets, as Prometheus shows them.
package struct LatencyHistogram: Sendable {
    /// Upper bounds in microseconds; a time above the last is counted in `count` only.
    package static let bounds: [Int64] = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
        5_000_000, 10_000_000, 30_000_000, 60_000_000,
    ]

    package private(set) var buckets = [Int](repeating: 0, count: LatencyHistogram.bounds.count)
    package private(set) var count = 0
    /// Microseconds.
    package private(set) var sum: Int64 = 0

    package init() {}

    package mutating func record(_ microseconds: Int64) {
        count += 1
        sum += microseconds
        if let bucket = Self.bounds.firstIndex(where: { microseconds <= $0 }) { buckets[bucket] += 1 }
    }

    package mutating func add(_ other: LatencyHistogram) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
        count += other.count
        sum += other.sum
    }

    package func adding(_ other: LatencyHistogram) -> LatencyHistogram {
        var result = self
        result.add(other)
        return result
    }
}
