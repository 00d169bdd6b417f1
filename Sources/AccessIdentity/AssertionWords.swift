internal import GatehouseCore

/// Times and tags as people read them, for explanations.
enum AssertionWords {
    /// Tags that are named; of more only how many there are.
    private static let maximumTags = 8
    /// Seconds of the years that RFC 3339 can write.
    private static let writable: ClosedRange<Int64> = 0...253_402_300_799

    /// `2026-11-23T10:00:00Z`; a number that is no time of this era as it is.
    static func moment(_ seconds: Int64) -> String {
        guard writable.contains(seconds) else { return "\(seconds)" }
        return "\(Timestamp(seconds: seconds).rfc3339.prefix(19))Z"
    }

    /// The same, and how far that is from now.
    static func moment(_ seconds: Int64, _ now: Int64) -> String {
        let (distance, overflows) = seconds.subtractingReportingOverflow(now)
        guard !overflows, distance > .min else { return moment(seconds) }
        return "\(moment(seconds)), \(distance < 0 ? "\(span(-distance)) ago" : "in \(span(distance))")"
    }

    private static func span(_ seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        case _: "\(seconds / 86_400) d"
        }
    }

    static func tags(_ audiences: Set<String>) -> String {
        let named = audiences.sorted().prefix(maximumTags).joined(separator: ", ")
        return audiences.count > maximumTags ? "\(named) and \(audiences.count - maximumTags) more" : named
    }
}
