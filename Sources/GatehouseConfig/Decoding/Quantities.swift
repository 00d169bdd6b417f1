package import GatehouseCore

/// A span of time as the file writes it: a whole number and `ms`, `s`, `m`, `h` or `d`.
package struct DurationText: Hashable, Sendable, CustomStringConvertible {
    package let duration: Duration

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    package init(_ duration: Duration) { self.duration = duration }

    package init(parsing text: String) throws(InvalidValue) {
        let forms = "a duration is a whole number with a unit: 250ms 30s 5m 1h 90d"
        let (number, unit) = splitNumber(text)
        guard let number else { throw InvalidValue("\(PlainText.echo(text)) is not a duration", suggestion: forms) }
        guard let scale = Self.units.first(where: { $0.name == unit })?.milliseconds else {
            throw InvalidValue(
                "\(PlainText.echo(text)) is not a duration",
                suggestion: unit.isEmpty ? "\(number)s" : forms
            )
        }
        let (milliseconds, isTooLong) = number.multipliedReportingOverflow(by: scale)
        guard !isTooLong else {
            throw InvalidValue("\(PlainText.echo(text)) is too long a duration", suggestion: forms)
        }
        duration = .milliseconds(milliseconds)
    }

    /// The quantity in the largest unit that gives a whole number.
    package var description: String {
        let milliseconds = duration.microseconds / 1000
        if milliseconds == 0 { return "0s" }
        for unit in Self.units where milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.name)"
        }
        return "\(milliseconds)ms"
    }
}

/// A number of bytes as the file writes it: a whole number and `B`, `KiB`, `MiB` or `GiB`.
package struct SizeText: Hashable, Sendable, CustomStringConvertible {
    package let bytes: Int

    private static let units: [(name: String, bytes: Int64)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    package init(bytes: Int) { self.bytes = bytes }

    package init(parsing text: String) throws(InvalidValue) {
        let forms = "a size is a whole number with a unit: 512B 64KiB 4MiB 1GiB"
        let (number, unit) = splitNumber(text)
        guard let number, let scale = Self.units.first(where: { $0.name == unit })?.bytes else {
            let letter = unit.first.map { $0.uppercased() } ?? ""
            let meant = Self.units.first { number != nil && !letter.isEmpty && $0.name.hasPrefix(letter) }
            throw InvalidValue(
                "\(PlainText.echo(text)) is not a size",
                suggestion: meant.flatMap { unit in number.map { "\($0)\(unit.name)" } } ?? forms
            )
        }
        let (bytes, isTooLarge) = number.multipliedReportingOverflow(by: scale)
        guard !isTooLarge else { throw InvalidValue("\(PlainText.echo(text)) is too large a size", suggestion: forms) }
        self.bytes = Int(bytes)
    }

    package var description: String {
        for unit in Self.units where bytes != 0 && Int64(bytes) % unit.bytes == 0 {
            return "\(Int64(bytes) / unit.bytes)\(unit.name)"
        }
        return "\(bytes)B"
    }
}

/// A number of requests in a time as the file writes it: `600/min`.
package struct RateText: Hashable, Sendable, CustomStringConvertible {
    package let rate: RouteLimits.Rate

    /// Requests in one unit of time.
    package static let maximumCount: Int64 = 1_000_000

    private static let units: [(name: String, time: Duration)] = [
        ("s", .seconds(1)), ("min", .seconds(60)), ("h", .seconds(3600)), ("d", .seconds(86_400)),
    ]

    package init(_ rate: RouteLimits.Rate) { self.rate = rate }

    package init(parsing text: String) throws(InvalidValue) {
        let forms = "a rate is a whole number and a time: 10/s 600/min 5000/h 100000/d"
        let (number, unit) = splitNumber(text)
        guard let number, let time = Self.units.first(where: { "/\($0.name)" == unit })?.time else {
            throw InvalidValue("\(PlainText.echo(text)) is not a rate", suggestion: forms)
        }
        guard (1...Self.maximumCount).contains(number) else {
            throw InvalidValue("a rate is from 1 to \(Self.maximumCount) requests", suggestion: forms)
        }
        rate = RouteLimits.Rate(count: Int(number), per: time)
    }

    package var description: String {
        "\(rate.count)/\(Self.units.first { $0.time == rate.per }?.name ?? "\(DurationText(rate.per))")"
    }
}

/// The digits in front, and what follows them. No number when there are none, or too many to be meant.
private func splitNumber(_ text: String) -> (number: Int64?, unit: String) {
    let digits = text.utf8.prefix(while: \.isASCIIDigit)
    guard (1...18).contains(digits.count) else { return (nil, text) }
    return (Int64(String(digits) ?? ""), String(text.utf8.dropFirst(digits.count)) ?? "")
}
