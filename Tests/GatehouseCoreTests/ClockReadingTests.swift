import GatehouseCore
import Testing

@Suite struct ClockReadingTests {
    private let asked = ContinuousClock.now
    private let theirs = Timestamp(seconds: 1_795_424_400)

    @Test func `the answer was made between the question and its arrival`() {
        let reading = ClockReading(theirs, asked: asked, answered: asked + .seconds(4))
        #expect(reading.lead(of: theirs, at: asked + .seconds(2)) == .zero)
    }

    @Test func `time that passes changes nothing, and a step of this machine's clock shows at once`() {
        let reading = ClockReading(theirs, asked: asked, answered: asked)
        let later = asked + .seconds(3000)
        #expect(reading.lead(of: theirs + .seconds(3012), at: later) == .seconds(12))
        #expect(reading.lead(of: theirs + .seconds(3000 + 400 * 86_400), at: later) == .seconds(400 * 86_400))
        #expect(reading.lead(of: theirs, at: later) == .seconds(-3000))
    }
}
