internal import Glibc

/// A point on the system's monotonic clock (clock_gettime(2), CLOCK_MONOTONIC). In whole nanoseconds, because `Duration` counts in 128
/// bits, and requests look at the clock.
package struct MonotonicTime: Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }

    package static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    package static func + (time: MonotonicTime, span: TimeSpan) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(span.nanoseconds)
        return MonotonicTime(nanoseconds: overflow ? .max : sum)
    }

    package static func - (time: MonotonicTime, span: TimeSpan) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds &- span.nanoseconds)
    }

    package static func - (a: MonotonicTime, b: MonotonicTime) -> TimeSpan {
        TimeSpan(nanoseconds: a.nanoseconds &- b.nanoseconds)
    }
}

/// A span of time in whole nanoseconds, at most 292 years.
package struct TimeSpan: Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Clamped to what can be said.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        nanoseconds = overflow ? (seconds < 0 ? .min : .max) : whole &+ attoseconds / 1_000_000_000
    }

    package static let zero = TimeSpan(nanoseconds: 0)
    package static func milliseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count &* 1_000_000) }
    package static func seconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count &* 1_000_000_000) }

    package var microseconds: Int64 { nanoseconds / 1000 }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.nanoseconds < b.nanoseconds }
}
