internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens

/// Numbers as people read them.
package enum StatusWords {
    package static func span(_ duration: Duration) -> String { span(seconds: duration.microseconds / 1_000_000) }

    /// The two largest units: `3 d 4 h`.
    package static func span(seconds: Int64) -> String {
        let seconds = max(0, seconds)
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min"
        case ..<86_400:
            let minutes = seconds % 3600 / 60
            return minutes == 0 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(minutes) min"
        case _:
            let hours = seconds % 86_400 / 3600
            return hours == 0 ? "\(seconds / 86_400) d" : "\(seconds / 86_400) d \(hours) h"
        }
    }

    static func ago(_ time: Timestamp, _ now: Timestamp) -> String { span(now - time) + " ago" }

    package static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB"] {
            if value < 1024 { return unit == "B" ? "\(count) B" : "\(rounded(value)) \(unit)" }
            value /= 1024
        }
        return "\(rounded(value)) GiB"
    }

    /// A time in microseconds: `0.18 ms`, `42 ms`, `1.2 s`.
    static func latency(_ microseconds: Double) -> String {
        microseconds < 1_000_000
            ? "\(rounded(microseconds / 1000)) ms" : "\(rounded(microseconds / 1_000_000)) s"
    }

    static func count(_ number: Int) -> String {
        var digits = String(number)[...]
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        return ([digits] + groups).joined(separator: "\u{202F}")
    }

    /// A token that has ended is sent all the same: only the upstream knows whether it still takes it.
    static func state(of token: TokenSummary, _ now: Timestamp) -> (words: String, isGood: Bool) {
        if let problem = token.problem { return (problem.message, false) }
        if let end = token.expiresAt, end <= now { return ("ended", false) }
        return ("usable", true)
    }

    static func state(of renewal: RenewalState) -> String {
        switch renewal.word {
        case .unread: "not read yet"
        case .waitsForSeed: "waits for a refresh token"
        case .obtaining: "being obtained"
        case .good: renewal.problem == nil ? "good" : "cannot be read"
        case .failing: renewal.isServed ? "cannot be renewed" : "cannot be obtained"
        case .needsConnecting: "needs connecting"
        }
    }

    static func until(_ time: Timestamp, _ now: Timestamp) -> String {
        time > now ? "in \(span(time - now))" : "has ended"
    }

    static func identities(_ state: IdentityState, _ now: Timestamp) -> String {
        let status = state.status
        var words = "of \(count(status.kept, "sign-in")) kept, from \(state.settings.url)"
        if status.refused > 0 { words += ", \(count(status.refused)) refused" }
        if let failure = state.failure(at: now.seconds) { words += "; \(failure)" }
        return words
    }

    static func telemetry(_ status: TelemetryStatus) -> String {
        var words = count(status.sent, "span") + " sent"
        if status.waiting > 0 { words += ", \(count(status.waiting)) waiting" }
        if status.dropped > 0 { words += ", \(count(status.dropped)) dropped" }
        if status.refused > 0 { words += ", \(count(status.refused)) refused" }
        return words + (status.problem.map { "; \($0)" } ?? "")
    }

    /// `1 key`, `2 keys`.
    package static func count(_ number: Int, _ thing: String) -> String {
        "\(number) \(thing)\(number == 1 ? "" : "s")"
    }

    /// Two significant digits below ten, none behind the point above.
    private static func rounded(_ value: Double) -> String {
        guard value < 10 else { return String(Int(value.rounded())) }
        let scale: Double = value < 1 ? 100 : 10
        return String((value * scale).rounded() / scale)
    }
}

extension LatencyHistogram {
    /// The time under which a part of the requests were, in microseconds; nil without any. Within a bucket they are taken as spread evenly.
    func quantile(_ part: Double) -> Double? {
        guard count > 0 else { return nil }
        let wanted = part * Double(count)
        var below = 0
        var lower: Int64 = 0
        for (bound, count) in zip(Self.bounds, buckets) {
            if count > 0, Double(below + count) >= wanted {
                let share = (wanted - Double(below)) / Double(count)
                return Double(lower) + Double(bound - lower) * min(max(share, 0), 1)
            }
            below += count
            lower = bound
        }
        return Double(lower)
    }
}
