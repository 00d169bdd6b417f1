import GatehouseCore
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [Int64.min, Int64.min / 1_000_000 - 1, -1, 0, 1_795_424_400, Int64.max / 1_000_000 + 1, Int64.max])
    func `seconds from anywhere make a time`(seconds: Int64) {
        let time = Timestamp(seconds: seconds)
        let bound = Int64.max / 1_000_000
        #expect(abs(max(time.seconds, -Int64.max)) <= bound + 1)
        if abs(max(seconds, -Int64.max)) <= bound { #expect(time.seconds == seconds) }
        #expect(time.rfc3339.hasSuffix("Z"))
    }

    @Test func `sums and differences end at the bounds`() {
        let last = Timestamp(microseconds: .max)
        let first = Timestamp(microseconds: .min)
        #expect(last + .seconds(1) == last)
        #expect(first + .seconds(-1) == first)
        #expect((last - first).microseconds == .max)
        #expect((first - last).microseconds == .min)
        #expect(Timestamp(seconds: 1) - Timestamp(seconds: 3) == .seconds(-2))
    }

    @Test(arguments: [
        ("2026-11-23T09:00:00Z", 1_795_424_400_000_000), ("2026-11-23", 1_795_392_000_000_000),
        ("2026-11-23t10:00:00.25+01:00", 1_795_424_400_250_000), ("1969-12-31T23:59:59.999999Z", -1),
    ])
    func `a time is read as RFC 3339 means it`(text: String, microseconds: Int64) {
        #expect(Timestamp(parsing: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "now", "2026-02-30", "2026-13-01", "2026-11-23T24:00:00Z", "2026-11-23T09:00:00", "2026-11-23T09:00:00Zx",
    ])
    func `what is no time is none`(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test func `a time reads back as it was written`() {
        for microseconds in [Int64(-62_135_596_800_000_000), -1, 0, 951_782_400_123_456, 253_402_300_799_999_999] {
            let time = Timestamp(microseconds: microseconds)
            #expect(Timestamp(parsing: time.rfc3339) == time)
        }
    }
}
