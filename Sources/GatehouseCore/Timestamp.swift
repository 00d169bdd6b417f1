internal import Glibc

/// A point in time: microseconds since 1970-01-01T00:00:00Z, as audit columns hold it.
package struct Timestamp: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    /// Clamped to what microseconds can say, some 290,000 years either way: seconds may come from an assertion.
    package init(seconds: Int64) {
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000)
        microseconds = overflows ? (seconds < 0 ? .min : .max) : product
    }

    package var seconds: Int64 { microseconds >= 0 ? microseconds / 1_000_000 : (microseconds + 1) / 1_000_000 - 1 }

    package static func < (one: Timestamp, other: Timestamp) -> Bool { one.microseconds < other.microseconds }
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        Timestamp(microseconds: time.microseconds.addingClamped(duration.microseconds))
    }
    package static func - (one: Timestamp, other: Timestamp) -> Duration {
        .microseconds(one.microseconds.subtractingClamped(other.microseconds))
    }

    /// RFC 3339 in UTC, with six decimals: `2026-11-23T09:00:00.000000Z`.
    package var rfc3339: String {
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = Int(seconds - days * 86_400)
        let (year, month, day) = Self.civil(days: days)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
        // Wrapping: the product may lie below Int64.min, the difference never leaves 0 to 999,999.
        return "\(date)T\(time).\(padded(Int(microseconds &- seconds &* 1_000_000), 6))Z"
    }

    /// Reads RFC 3339 (`2026-11-23T09:00:00Z`, with or without decimals, `Z` or an offset) or a date alone, in UTC.
    package init?(parsing text: String) {
        var digits = Array(text.utf8)[...]
        func number(_ width: Int) -> Int? {
            guard digits.count >= width, digits.prefix(width).allSatisfy(\.isASCIIDigit) else { return nil }
            defer { digits = digits.dropFirst(width) }
            return digits.prefix(width).reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        func skip(_ byte: UInt8) -> Bool {
            guard let first = digits.first, first == byte || first | 0x20 == byte | 0x20 && byte.isASCIILetter else {
                return false
            }
            digits = digits.dropFirst()
            return true
        }
        guard let year = number(4), skip(0x2D), let month = number(2), skip(0x2D), let day = number(2),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let midnight = Self.days(year: year, month: month, day: day) * 86_400
        guard Self.civil(days: midnight / 86_400) == (year, month, day) else { return nil }
        guard !digits.isEmpty else {
            self.init(seconds: midnight)
            return
        }
        guard skip(0x54), let hour = number(2), skip(0x3A), let minute = number(2), skip(0x3A), let second = number(2),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var micros: Int64 = 0
        if skip(0x2E) {
            let decimals = digits.prefix(while: \.isASCIIDigit)
            guard !decimals.isEmpty else { return nil }
            for place in 0..<6 {
                micros =
                    micros * 10 + (place < decimals.count ? Int64(decimals[decimals.startIndex + place] - 0x30) : 0)
            }
            digits = digits.dropFirst(decimals.count)
        }
        var offset = 0
        if !skip(0x5A) {
            let sign = skip(0x2B) ? 1 : skip(0x2D) ? -1 : 0
            guard sign != 0, let hours = number(2), skip(0x3A), let minutes = number(2), hours < 24, minutes < 60 else {
                return nil
            }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard digits.isEmpty else { return nil }
        let seconds = midnight + Int64(hour * 3600 + minute * 60 + second - offset)
        self.init(microseconds: seconds * 1_000_000 + micros)
    }

    /// Days since 1970 to a date of the proleptic Gregorian calendar, by eras of 400 years that start in March.
    private static func civil(days: Int64) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (Int(year), Int(month), Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1))
    }

    private static func days(year: Int, month: Int, day: Int) -> Int64 {
        let shiftedYear = Int64(month <= 2 ? year - 1 : year)
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = Int64((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1)
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    package func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (self < 0 ? .min : .max) : sum
    }

    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (self < 0 ? .min : .max) : difference
    }
}

extension Duration {
    /// The duration in whole microseconds, rounded toward zero. Clamped to Int64 for durations beyond 290,000 years.
    package var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : whole &+ attoseconds / 1_000_000_000_000
    }
}

/// The wall clock. Injected, so that tests script it.
package protocol WallClock: Sendable {
    func now() -> Timestamp
}

/// The clock of the machine.
package struct SystemClock: WallClock {
    package init() {}

    package func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
