import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h", .seconds(3600)),
        ("90d", .seconds(90 * 86_400)), ("0s", .zero),
    ])
    func `a duration is read and written alike`(text: String, duration: Duration) throws {
        #expect(try DurationText(parsing: text).duration == duration)
        #expect(DurationText(duration).description == text)
    }

    @Test(arguments: [
        "", "30", "s", "-1s", "+1s", "1.5s", "1 s", "1S", "1h30m", "١s", "99999999999999999999s", "9999999999999999d",
        "1s ",
    ])
    func `what is no duration is refused with the forms or the unit`(text: String) {
        let error = #expect(throws: InvalidValue.self) { try DurationText(parsing: text) }
        #expect(error?.suggestion != nil)
    }

    @Test(arguments: [("512B", 512), ("64KiB", 64 << 10), ("4MiB", 4 << 20), ("1GiB", 1 << 30), ("0B", 0)])
    func `a size is read and written alike`(text: String, bytes: Int) throws {
        #expect(try SizeText(parsing: text).bytes == bytes)
        #expect(SizeText(bytes: bytes).description == text)
    }

    @Test(arguments: ["", "4", "4MB", "4M", "4mib", "-4MiB", "999999999999999999GiB", "MiB"])
    func `what is no size is refused with the forms or the unit`(text: String) {
        let error = #expect(throws: InvalidValue.self) { try SizeText(parsing: text) }
        #expect(error?.suggestion != nil)
    }

    @Test(arguments: ["10/s", "600/min", "5000/h", "100000/d"])
    func `a rate is read and written alike`(text: String) throws {
        #expect(try RateText(parsing: text).description == text)
    }

    @Test(arguments: ["", "600", "/min", "600/m", "0/s", "1000001/s", "600 /min", "-1/s"])
    func `what is no rate is refused with the forms`(text: String) {
        let error = #expect(throws: InvalidValue.self) { try RateText(parsing: text) }
        #expect(error?.suggestion != nil)
    }
}
