package import CurlClient
package import GatehouseCore
internal import Synchronization

/// The other clocks that this machine's clock is compared with.
package enum OtherClock: String, Sendable, CaseIterable {
    /// The server of the signing keys, by the `Date` of its answers. Assertions are made by the clocks behind it.
    case certs
    /// The audit's database.
    case audit
    /// The token store's database.
    case store

    package var words: String {
        switch self {
        case .certs: "the certs server"
        case .audit: "the audit's database"
        case .store: "the token store's database"
        }
    }
}

/// The certs server's clock, as its last answer stated it. Written by the fetch of keys, read by metrics, findings and the retention.
package final class CertsClock: Sendable {
    private let reading = Mutex<ClockReading?>(nil)

    package init() {}

    package func read(_ reading: ClockReading) { self.reading.withLock { $0 = reading } }

    /// How far this machine is ahead of it; nil before the first answer.
    package func lead(at now: Timestamp) -> Duration? { reading.withLock { $0 }?.lead(of: now) }
}

extension ClockReading {
    /// The time in an HTTP answer's `Date` (RFC 9110 section 6.6.1), which a cache passes on unchanged with the answer's `Age` beside it (RFC 9111
    /// section 5.1). Nil without a date.
    package init?(_ response: CurlResponse, asked: ContinuousClock.Instant) {
        guard let field = response.header("date"), let date = HTTPDate.parse(field) else { return nil }
        let age = response.header("age").flatMap { UInt32($0) } ?? 0
        // A date has whole seconds: half of one is how far it is behind in the middle.
        self.init(date + .seconds(Int64(age)) + .milliseconds(500), asked: asked)
    }
}

extension Finding {
    /// How far this machine's clock is from another one.
    ///
    /// - Parameter tolerance: `access.clock_skew`. Beyond it assertions are refused, or taken when they have expired; a database by itself decides
    ///   nothing by its clock, so one that disagrees is a warning.
    package static func clock(_ other: OtherClock, lead: Duration, tolerance: Duration) -> Finding {
        let seconds = lead.microseconds / 1_000_000
        let (apart, skew) = (abs(seconds), tolerance.microseconds / 1_000_000)
        let detail = "\(apart) s \(seconds < 0 ? "behind" : "ahead of") \(other.words)"
        // Two seconds: what answers take, and that dates have whole ones.
        let verdict: Verdict =
            apart > max(skew, 2) && other == .certs ? .fail : apart > max(skew / 2, 2) ? .warn : .ok
        guard verdict != .ok else { return Finding(.clock, .ok, other.rawValue, detail) }
        let advice =
            "set the clock by NTP: beyond clock_skew (\(skew) s) good assertions are refused and expired ones taken"
        return Finding(.clock, verdict, other.rawValue, detail, advice: advice)
    }
}

/// The date of HTTP fields: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func parse(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(parsing: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
