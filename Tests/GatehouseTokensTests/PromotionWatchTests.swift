import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite("Whether a new version is to be gone back from")
struct PromotionWatchTests {
    /// Version 1 was accepted, version 2 was promoted at 100 s.
    private func promoted() -> PromotionWatch {
        var watch = PromotionWatch()
        watch.served([.coda: 1], at: .zero)
        watch.accepted(.coda, version: 1)
        watch.served([.coda: 2], at: .seconds(100))
        return watch
    }

    @Test func `a version that was never accepted is gone back from at once, and once`() {
        var watch = promoted()
        #expect(watch.rejected(.coda, version: 2, at: .seconds(101), mayGoBack: true) == .goBack(from: 2))
        #expect(watch.rejected(.coda, version: 2, at: .seconds(102), mayGoBack: true) == .refresh)
        watch.served([.coda: 1], at: .seconds(103))
        #expect(watch.rejected(.coda, version: 2, at: .seconds(104), mayGoBack: true) == .ignore)
        #expect(watch.rejected(.coda, version: 1, at: .seconds(105), mayGoBack: true) == .refresh)
    }

    @Test func `a version that was accepted may be rejected twice`() {
        var watch = promoted()
        watch.accepted(.coda, version: 2)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(101), mayGoBack: true) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(102), mayGoBack: true) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(103), mayGoBack: true) == .goBack(from: 2))
    }

    @Test func `nothing is gone back from without leave, after the window, or to a version that was not accepted`() {
        var watch = promoted()
        #expect(watch.rejected(.coda, version: 2, at: .seconds(101), mayGoBack: false) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(701), mayGoBack: true) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(700), mayGoBack: true) == .goBack(from: 2))
        var untried = PromotionWatch()
        untried.served([.coda: 1], at: .zero)
        untried.served([.coda: 2], at: .seconds(1))
        #expect(untried.rejected(.coda, version: 2, at: .seconds(2), mayGoBack: true) == .refresh)
        var first = PromotionWatch()
        first.served([.coda: 7], at: .zero)
        #expect(first.rejected(.coda, version: 7, at: .seconds(1), mayGoBack: true) == .refresh)
        #expect(first.rejected(.other, version: 1, at: .seconds(1), mayGoBack: true) == .ignore)
    }

    @Test func `a token that is away for a while keeps its past`() {
        var watch = promoted()
        watch.served([:], at: .seconds(110))
        watch.served([.coda: 2], at: .seconds(120))
        #expect(watch.rejected(.coda, version: 2, at: .seconds(130), mayGoBack: true) == .goBack(from: 2))
    }
}
