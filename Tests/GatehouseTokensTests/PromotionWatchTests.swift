import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite("Whether a new version is to be proven")
struct PromotionWatchTests {
    /// Version 2 was promoted at 100 s.
    private func promoted() -> PromotionWatch {
        var watch = PromotionWatch()
        watch.served([.coda: 1], at: .zero)
        watch.served([.coda: 2], at: .seconds(100))
        return watch
    }

    @Test func `a rejection has a new version proven, and many have it proven no more often than the interval`() {
        var watch = promoted()
        #expect(watch.rejected(.coda, version: 2, at: .seconds(101), mayGoBack: true) == .prove(version: 2))
        for second in 101..<131 {
            #expect(watch.rejected(.coda, version: 2, at: .seconds(second), mayGoBack: true) == .refresh)
        }
        #expect(watch.rejected(.coda, version: 2, at: .seconds(131), mayGoBack: true) == .prove(version: 2))
    }

    @Test func `what was gone back from is proven no more`() {
        var watch = promoted()
        watch.served([.coda: 1], at: .seconds(141))
        #expect(watch.rejected(.coda, version: 2, at: .seconds(142), mayGoBack: true) == .ignore)
        #expect(watch.rejected(.coda, version: 1, at: .seconds(143), mayGoBack: true) == .refresh)
        // A newer one is another promotion.
        watch.served([.coda: 3], at: .seconds(144))
        #expect(watch.rejected(.coda, version: 3, at: .seconds(145), mayGoBack: true) == .prove(version: 3))
    }

    @Test func `nothing is proven without leave, after the window, or without a version before`() {
        var watch = promoted()
        #expect(watch.rejected(.coda, version: 2, at: .seconds(101), mayGoBack: false) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(701), mayGoBack: true) == .refresh)
        #expect(watch.rejected(.coda, version: 2, at: .seconds(700), mayGoBack: true) == .prove(version: 2))
        var first = PromotionWatch()
        first.served([.coda: 7], at: .zero)
        #expect(first.rejected(.coda, version: 7, at: .seconds(1), mayGoBack: true) == .refresh)
        #expect(first.rejected(.other, version: 1, at: .seconds(1), mayGoBack: true) == .ignore)
    }

    @Test func `a token that is away for a while keeps its past`() {
        var watch = promoted()
        watch.served([:], at: .seconds(110))
        watch.served([.coda: 2], at: .seconds(120))
        #expect(watch.rejected(.coda, version: 2, at: .seconds(130), mayGoBack: true) == .prove(version: 2))
    }
}
