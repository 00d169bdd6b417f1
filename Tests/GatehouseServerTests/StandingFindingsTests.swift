import GatehouseCore
@testable import GatehouseServer
import Testing

@Suite struct StandingFindingsTests {
    private let missing = Finding(.token, .fail, "coda", "is not in the store")
    private let slow = Finding(.auditSink, .warn, "sink_slow")

    private func words(_ said: [(word: StandingFindings.Word, finding: Finding)]) -> [StandingFindings.Word] {
        said.map(\.word)
    }

    @Test func `says each when it begins, every five minutes while it lasts, and once when it has ended`() {
        var standing = StandingFindings()
        #expect(words(standing.update([missing], at: .zero)) == [.began])
        #expect(standing.update([missing], at: .seconds(299)).isEmpty)
        #expect(words(standing.update([missing], at: .seconds(300))) == [.lasts])
        #expect(standing.update([missing], at: .seconds(301)).isEmpty)
        #expect(standing.update([], at: .seconds(302)).isEmpty)
        let ended = standing.update([], at: .seconds(305))
        #expect(words(ended) == [.ended] && ended.first?.finding == missing)
        #expect(standing.update([], at: .seconds(900)).isEmpty)
    }

    @Test func `says what comes and goes each second once`() {
        var standing = StandingFindings()
        var said = 0
        for second in 0..<120 { said += standing.update(second % 2 == 0 ? [missing] : [], at: .seconds(second)).count }
        #expect(said == 1)
    }

    @Test func `says warnings every hour, and at once what has become worse`() {
        var standing = StandingFindings()
        #expect(words(standing.update([slow], at: .zero)) == [.began])
        #expect(standing.update([slow], at: .seconds(3599)).isEmpty)
        #expect(words(standing.update([slow], at: .seconds(3600))) == [.lasts])
        let down = Finding(.auditSink, .fail, "sink_down")
        #expect(words(standing.update([down], at: .seconds(3601))) == [.lasts])
    }

    @Test func `says other words for the same no sooner than after a minute`() {
        var standing = StandingFindings()
        _ = standing.update([missing], at: .zero)
        let other = Finding(.token, .fail, "coda", "does not open")
        #expect(standing.update([other], at: .seconds(59)).isEmpty)
        #expect(standing.update([other], at: .seconds(60)).first?.finding == other)
    }

    @Test func `tells subjects apart and takes no notice of what is well`() {
        var standing = StandingFindings()
        let other = Finding(.token, .fail, "other", "is not in the store")
        let well = Finding(.token, .ok, "third", "version 1")
        #expect(standing.update([missing, other, well], at: .zero).map(\.finding.subject) == ["coda", "other"])
    }
}
