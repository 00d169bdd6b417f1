@testable import AccessIdentity
import GatehouseTestSupport
import Synchronization
import Testing

@Suite struct SigningKeySourceTests {
    private let clock = ScriptedKeyClock()
    private let certs = ScriptedCerts([TestIssuer.firstKey])
    private let published = Published()

    /// Snapshots in the order in which they were published.
    final class Published: Sendable {
        private let all = Mutex<[SigningKeys]>([])
        var keyIDs: [[String]] { all.withLock { $0.map(\.keyIDs) } }
        var last: SigningKeys? { all.withLock { $0.last } }
        func append(_ keys: SigningKeys) { all.withLock { $0.append(keys) } }
    }

    private func source(
        staleness: Int64 = 7200,
        path: String? = nil,
        url: String = "https://example.com/certs",
        jitter: @escaping @Sendable () -> Double = { 0 }
    ) throws -> SigningKeySource {
        let options = SigningKeySource.Options(url: try SigningKeysURL(url), maximumStaleness: staleness, path: path)
        return SigningKeySource(
            options: options,
            clock: clock,
            jitter: jitter,
            fetch: certs.fetch,
            onChange: published.append
        )
    }

    @Test func `the source publishes what it fetched`() async throws {
        let source = try source()
        #expect(await source.keys == nil)
        #expect(await !source.status.isReady(now: clock.now()))
        #expect(await source.refresh())
        #expect(published.keyIDs == [["1f0a2c5d7e"]])
        #expect(published.last?.servesUntil == TestIssuer.defaultNow + 7200)
        let status = await source.status
        #expect(status.isReady(now: clock.now()))
        #expect(status.origin == .issuer)
        #expect(status.keyIDs == ["1f0a2c5d7e"])
        clock.advance(5)
        #expect(status.age(now: clock.now()) == 5)
    }

    @Test func `the source keeps serving through an outage up to the bound`() async throws {
        let source = try source()
        await source.refresh()
        certs.fail()
        clock.advance(7200)
        #expect(await !source.refresh())
        #expect(await source.keys?.count == 1)
        #expect(await source.status.lastFailure?.message.contains("connection refused") == true)
        clock.advance(1)
        #expect(await source.keys == nil)
        #expect(await !source.status.isReady(now: clock.now()))
        // A verifier that heard nothing since ends by itself.
        let gate = Gate()
        gate.verifier.update(keys: published.last)
        let token = gate.issuer.user(now: clock.now())
        #expect(gate.verdict(token, now: clock.now()) == "keys unavailable")
        #expect(gate.verdict(token, now: clock.now() - 1) == "user david@example.com")
        certs.serve([TestIssuer.firstKey])
        #expect(await source.refresh())
        #expect(await source.keys?.count == 1)
    }

    @Test func `keys serve for three days without newer ones where nothing else is said, to the second`() async throws {
        let options = SigningKeySource.Options(url: try SigningKeysURL("https://example.com/certs"))
        let source = SigningKeySource(options: options, clock: clock, fetch: certs.fetch, onChange: published.append)
        await source.refresh()
        certs.fail()
        clock.advance(259_200)
        #expect(await source.keys?.count == 1)
        clock.advance(1)
        #expect(await source.keys == nil)
    }

    @Test(arguments: [
        [UInt8](), Array("<html>".utf8), Array(#"{"keys":[]}"#.utf8), Array(#"{"keys":[{"kty":"EC","kid":"x"}]}"#.utf8),
        [UInt8](repeating: 0x20, count: SigningKeySource.maximumResponseBytes) + Array(#"{"keys":[]}"#.utf8),
    ])
    func `an answer without usable keys counts as an outage`(_ body: [UInt8]) async throws {
        let source = try source()
        await source.refresh()
        certs.serve(bytes: body)
        #expect(await !source.refresh())
        #expect(await source.keys?.keyIDs == ["1f0a2c5d7e"])
        #expect(await source.status.lastFailure != nil)
        #expect(published.keyIDs.count == 1)
    }

    @Test func `the source says which keys it skips`() async throws {
        certs.serve(bytes: Array(#"{"keys":[{"kty":"EC","kid":"x"},\#(TestIssuer.firstKey.jwk)]}"#.utf8))
        let source = try source()
        #expect(await source.refresh())
        #expect(await source.status.skipped == [.init(keyID: "x", reason: "kty is not RSA")])
    }

    @Test func `the source fetches once for all waiting requests`() async throws {
        let source = try source()
        certs.hold()
        async let first = source.refresh()
        await certs.whenHeld()
        #expect(source.mayLookUp("9b8e7d6c5a"))
        async let second = source.refresh()
        async let third = source.lookUp("1f0a2c5d7e")
        certs.release()
        #expect(await first)
        #expect(await second)
        #expect(await third)
        #expect(certs.fetches == 1)
    }

    @Test func `the source looks an unknown key up, and finds it`() async throws {
        let source = try source()
        await source.refresh()
        certs.serve([TestIssuer.firstKey, TestIssuer.secondKey])
        let gate = Gate()
        let token = TestIssuer(key: TestIssuer.secondKey).user()
        #expect(gate.verdict(token) == "unknown key 9b8e7d6c5a")
        #expect(source.mayLookUp("9b8e7d6c5a"))
        #expect(await source.lookUp("9b8e7d6c5a"))
        gate.verifier.update(keys: published.last)
        #expect(gate.verdict(token) == "user david@example.com")
        #expect(await source.lookUp("9b8e7d6c5a"))
        #expect(certs.fetches == 2)
    }

    @Test func `a stray key does not delay a rotation`() async throws {
        let source = try source()
        await source.refresh()
        #expect(await !source.lookUp("stray"))
        certs.serve([TestIssuer.firstKey, TestIssuer.secondKey])
        #expect(source.mayLookUp("9b8e7d6c5a"))
        #expect(await source.lookUp("9b8e7d6c5a"))
        #expect(certs.fetches == 3)
    }

    @Test func `the source looks up three times and then once a minute, and remembers what is unknown`() async throws {
        let source = try source()
        await source.refresh()
        for (index, name) in ["made-up", "second", "third"].enumerated() {
            #expect(source.mayLookUp(name))
            #expect(await !source.lookUp(name))
            #expect(!source.mayLookUp(name))
            #expect(certs.fetches == 2 + index)
        }
        #expect(!source.mayLookUp("another"))
        #expect(await !source.lookUp("another"))
        clock.advance(59)
        #expect(await !source.lookUp("another"))
        #expect(certs.fetches == 4)
        clock.advance(1)
        #expect(!source.mayLookUp("made-up"))
        #expect(await !source.lookUp("made-up"))
        #expect(certs.fetches == 4)
        #expect(source.mayLookUp("another"))
        #expect(await !source.lookUp("another"))
        #expect(certs.fetches == 5)
        #expect(!source.mayLookUp("and one more"))
    }

    @Test func `a clock that is set back does not shut the gate`() async throws {
        let source = try source()
        await source.refresh()
        for name in ["one", "two", "three"] { #expect(await !source.lookUp(name)) }
        #expect(!source.mayLookUp("four"))
        clock.advance(-86_400)
        for name in ["four", "five", "six"] { #expect(await !source.lookUp(name)) }
        #expect(!source.mayLookUp("seven"))
        #expect(certs.fetches == 7)
    }

    @Test func `a failed look-up is not held against the key`() async throws {
        let source = try source()
        await source.refresh()
        certs.fail()
        #expect(await !source.lookUp("9b8e7d6c5a"))
        // A request that waited for the refresh verifies again at once, and must not spend the budget.
        #expect(!source.mayLookUp("9b8e7d6c5a"))
        #expect(source.mayLookUp("another"))
        certs.serve([TestIssuer.secondKey])
        clock.advance(60)
        #expect(await source.lookUp("9b8e7d6c5a"))
    }

    @Test func `a changed set forgets what was unknown`() async throws {
        let source = try source()
        await source.refresh()
        #expect(await !source.lookUp("made-up"))
        clock.advance(60)
        #expect(!source.mayLookUp("made-up"))
        certs.serve([TestIssuer.secondKey])
        await source.refresh()
        #expect(source.mayLookUp("made-up"))
    }

    @Test func `the source refreshes in the background, and retries sooner`() async throws {
        let source = try source()
        let task = Task { await source.run() }
        #expect(await clock.nextSleep() == 3600)
        #expect(certs.fetches == 1)
        certs.fail()
        clock.wake(after: 3600)
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600] as [Int64] {
            #expect(await clock.nextSleep() == wait)
            clock.wake(after: wait)
        }
        _ = await clock.nextSleep()
        certs.serve([TestIssuer.secondKey])
        clock.wake(after: 1)
        #expect(await clock.nextSleep() == 3600)
        #expect(published.keyIDs == [["1f0a2c5d7e"], ["9b8e7d6c5a"]])
        task.cancel()
        await task.value
    }

    @Test(arguments: [(-1.0, 3240), (1.0, 3960), (7.0, 3960), (-7.0, 3240)] as [(Double, Int64)])
    func `the source spreads the refreshes`(_ jitter: Double, _ wait: Int64) async throws {
        let source = try source(jitter: { jitter })
        let task = Task { await source.run() }
        #expect(await clock.nextSleep() == wait)
        task.cancel()
        await task.value
    }

    @Test func `a cold start during an outage serves from the file`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            let before = try source(path: path)
            await before.refresh()
            #expect(await before.status.fileProblem == nil)
            certs.fail()
            clock.advance(7000)
            let after = try source(path: path)
            #expect(await !after.refresh())
            #expect(await after.keys?.keyIDs == ["1f0a2c5d7e"])
            #expect(await after.status.origin == .file)
            #expect(await after.status.fetchedAt == TestIssuer.defaultNow)
            // The bound counts from the fetch, not from the start.
            clock.advance(201)
            #expect(await after.keys == nil)
            let late = try source(path: path)
            await late.refresh()
            #expect(await late.keys == nil)
            #expect(await late.status.fileProblem?.contains("older") == true)
        }
    }

    @Test func `the file is not used while the issuer answers`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            await (try source(path: path)).refresh()
            certs.serve([TestIssuer.secondKey])
            let after = try source(path: path)
            await after.refresh()
            #expect(await after.keys?.keyIDs == ["9b8e7d6c5a"])
        }
    }

    @Test func `the file of another issuer is not used`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            await (try source(path: path)).refresh()
            certs.fail()
            let other = try source(path: path, url: "https://other.example.com/certs")
            await other.refresh()
            #expect(await other.keys == nil)
            #expect(await other.status.fileProblem?.contains("another URL") == true)
        }
    }

    @Test func `a file from the future is not used`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            await (try source(path: path)).refresh()
            certs.fail()
            clock.advance(-301)
            let source = try source(path: path)
            await source.refresh()
            #expect(await source.keys == nil)
            #expect(await source.status.fileProblem?.contains("future") == true)
        }
    }

    @Test func `a file serves from five minutes ahead of the clock to the last second of its time`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            await (try source(path: path)).refresh()
            certs.fail()
            clock.advance(-300)
            let ahead = try source(path: path)
            await ahead.refresh()
            #expect(await ahead.keys?.count == 1)
            clock.advance(300 + 7200)
            let last = try source(path: path)
            await last.refresh()
            #expect(await last.keys?.count == 1)
            #expect(await last.status.isReady(now: clock.now()))
            #expect(await !last.status.isReady(now: clock.now() + 1))
        }
    }

    @Test func `the largest answer is read, and a larger one is not`() async throws {
        let source = try source()
        let set = TestIssuer.jwkSet([TestIssuer.firstKey])
        let spaces = [UInt8](repeating: 0x20, count: (1 << 20) - set.count)
        certs.serve(bytes: set + spaces)
        #expect(await source.refresh())
        certs.serve(bytes: set + spaces + [0x20])
        #expect(await !source.refresh())
    }

    @Test func `a file that cannot be written does not stop the keys`() async throws {
        let source = try source(path: "/nonexistent-directory/keys")
        #expect(await source.refresh())
        #expect(await source.keys?.count == 1)
        #expect(await source.status.fileProblem != nil)
    }

    @Test func `the source fetches when a request finds the keys expired`() async throws {
        let source = try source()
        await source.refresh()
        // A machine that slept: the next round of the background is far away, and the certs server is well.
        clock.advance(4 * 86_400)
        #expect(await source.keys == nil)
        #expect(source.mayRenew())
        #expect(await source.renew())
        #expect(await source.keys?.count == 1)
        #expect(certs.fetches == 2)
        // Nothing is fetched for keys that are good.
        #expect(await source.renew())
        #expect(certs.fetches == 2)
    }

    @Test func `the source fetches for expired keys once a minute while that fails`() async throws {
        let source = try source()
        await source.refresh()
        clock.advance(4 * 86_400)
        certs.fail()
        #expect(await !source.renew())
        #expect(!source.mayRenew())
        #expect(await !source.renew())
        #expect(certs.fetches == 2)
        clock.advance(60)
        #expect(source.mayRenew())
        certs.serve([TestIssuer.firstKey])
        #expect(await source.renew())
    }

    @Test func `the source lets requests wait for the fetch that is under way`() async throws {
        let source = try source()
        certs.hold()
        let first = Task { await source.refresh() }
        await certs.whenHeld()
        #expect(source.mayRenew())
        let waiting = Task { await source.renew() }
        certs.release()
        #expect(await first.value)
        #expect(await waiting.value)
        #expect(certs.fetches == 1)
    }
}
