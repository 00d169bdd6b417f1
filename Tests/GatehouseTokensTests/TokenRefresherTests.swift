import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite struct TheTokenRefresher {
    let store = ScriptedStore()
    let stage = Stage()
    let refresher: TokenRefresher

    init() {
        let stage = self.stage
        refresher = TokenRefresher(
            store: store,
            refresh: .seconds(30),
            maxStale: .seconds(3600),
            surroundings: stage.surroundings
        ) { stage.take($0) }
    }

    private func tick(after duration: Duration = .zero) async {
        stage.advance(duration)
        await refresher.tick()
    }

    @Test func `the token refresher reads at once, and then every interval`() async throws {
        #expect(!refresher.state.isReady)
        try store.answer(["coda": "one"])
        await tick()
        #expect(stage.snapshots == [["coda": "one"]])
        #expect(refresher.state.isReady)
        #expect(refresher.state.served == 1)
        #expect(refresher.state.age(at: Timestamp(seconds: 1_764_000_005)) == .seconds(5))
        await tick(after: .milliseconds(29_999))
        #expect(store.loads == 1)
        try store.answer(["coda": "two"])
        await tick(after: .milliseconds(1))
        #expect(store.loads == 2)
        #expect(stage.snapshots == [["coda": "one"], ["coda": "two"]])
    }

    @Test func `the token refresher hands on only what differs`() async throws {
        // The first reading is handed on even when it is empty: it says that the store was read.
        for _ in 0..<3 { await tick(after: .seconds(30)) }
        #expect(store.loads == 3)
        #expect(stage.snapshots == [[:]])
        try store.answer(["coda": "one"])
        for _ in 0..<3 { await tick(after: .seconds(30)) }
        #expect(stage.snapshots == [[:], ["coda": "one"]])
        try store.answer([:])
        await tick(after: .seconds(30))
        #expect(stage.snapshots == [[:], ["coda": "one"], [:]])
    }

    @Test func `the token refresher reads as soon as the store has changed`() async throws {
        store.stamp(1)
        await tick()
        await tick(after: .seconds(1))
        #expect(store.loads == 1)
        store.stamp(2)
        await tick(after: .seconds(1))
        #expect(store.loads == 2)
        await tick(after: .seconds(1))
        #expect(store.loads == 2)
    }

    @Test func `the token refresher serves the last good values until they are too old`() async throws {
        try store.answer(["coda": "one"])
        await tick()
        store.fail()
        await tick(after: .seconds(30))
        #expect(refresher.state.error?.code == .unavailable)
        #expect(refresher.state.isReady)
        #expect(refresher.state.stale == 1)
        await tick(after: .seconds(3570))
        #expect(stage.snapshots == [["coda": "one"]])
        await tick(after: .microseconds(1))
        #expect(stage.snapshots == [["coda": "one"], [:]])
        #expect(!refresher.state.isReady)
        try store.answer(["coda": "two"])
        await tick(after: .seconds(40))
        #expect(stage.snapshots.last == ["coda": "two"])
        #expect(refresher.state.isReady)
        #expect(refresher.state.error == nil)
    }

    @Test func `the token refresher tries again sooner after a failure, and then less often`() async {
        store.fail()
        store.stamp(1)
        var times: [Int] = []
        for second in 0..<120 {
            let before = store.loads
            await tick()
            if store.loads > before { times.append(second) }
            stage.advance(.seconds(1))
        }
        #expect(times == [0, 1, 3, 7, 15, 31, 61, 91])
    }

    @Test func `the token refresher keeps a token that no longer opens for a while`() async throws {
        try store.answer(["coda": "one", "other": "two"])
        await tick()
        let problem = TokenProblem(name: .coda, error: TokenError(.tampered, "changed"))
        try store.answer(["other": "two"], problems: [problem])
        await tick(after: .seconds(30))
        #expect(stage.snapshots == [["coda": "one", "other": "two"]])
        #expect(refresher.state.problems.map(\.name) == [.coda])
        #expect(refresher.state.stale == 1)
        await tick(after: .seconds(3571))
        #expect(stage.snapshots.last == ["other": "two"])
        #expect(refresher.state.isReady)
    }

    @Test func `the token refresher reads on request, but not too often`() async {
        await tick()
        refresher.requestRefresh()
        await tick(after: .seconds(1))
        #expect(store.loads == 1)
        await tick(after: .seconds(9))
        #expect(store.loads == 2)
        await tick(after: .seconds(10))
        #expect(store.loads == 2)
    }

    @Test func `the token refresher reads once for many who ask at once`() async throws {
        store.hold()
        async let first = refresher.refreshNow()
        await store.loadIsHeld()
        // A token that is set now may have been missed by the reading under way, so callers that ask now share the next one.
        try store.answer(["coda": "new"])
        let joiners = (0..<20).map { _ in Task { await self.refresher.refreshNow() } }
        while await refresher.waiters < 21 { await Task.yield() }
        store.letGo()
        _ = await first
        for joiner in joiners { _ = await joiner.value }
        #expect(stage.snapshots.last == ["coda": "new"])
        #expect(store.loads == 2)
        await refresher.refreshNow()
        #expect(store.loads == 3)
    }

    @Test func `the token refresher runs until it is cancelled`() async throws {
        try store.answer(["coda": "one"])
        let refresher = self.refresher
        let stage = self.stage
        let running = Task { await refresher.run() }
        while store.loads < 3 { await Task.yield() }
        running.cancel()
        await running.value
        #expect(stage.snapshots == [["coda": "one"]])
    }

    @Test func `the token refresher sees a rotation by another process at the next poll`() async throws {
        let fixture = try StoreFixture()
        try await fixture.store().set(.coda, "one")
        let stage = Stage()
        let refresher = TokenRefresher(store: try fixture.store(), surroundings: stage.surroundings) { stage.take($0) }
        await refresher.tick()
        try await fixture.store().rotate(.coda, "two")
        stage.advance(TokenRefresher.pollInterval)
        await refresher.tick()
        #expect(stage.snapshots == [["coda": "one"], ["coda": "two"]])
    }
}
