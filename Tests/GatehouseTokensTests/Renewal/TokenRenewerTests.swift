import GatehouseCore
import SQLiteClient
import Synchronization
import Testing

@testable import GatehouseTokens

@Suite struct TheTokenRenewer {
    let fixture: StoreFixture
    let clock = RenewalFixture()
    let drive = TokenName.name("drive")
    let app = TokenName.name("app")

    init() throws { fixture = try StoreFixture() }

    private func store() throws -> SealedTokenStore {
        SealedTokenStore.sqlite(path: fixture.file, keyring: try MasterKeyring([StoreFixture.oldKey]), clock: clock)
    }

    private func issuer(needsSeed: Bool = true) -> RenewalFixture.Issuer {
        RenewalFixture.Issuer(needsSeed: needsSeed, clock: clock)
    }

    @Test func `the token renewer obtains, renews and hands on`() async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one"), .grant("two"))
        let renewer = clock.renewer([app: issuer], store: try store())
        await renewer.tick()
        #expect(clock.handedOn == [["app": "one"]])
        #expect(renewer.states[app]?.word == .good)
        clock.advance(.seconds(2879))
        await renewer.tick()
        #expect(issuer.asked.count == 1)
        clock.advance(.seconds(1))
        await renewer.tick()
        #expect(clock.handedOn == [["app": "one"], ["app": "two"]])
        #expect(renewer.tokens[app]?.version == 2)
    }

    /// The value that an operator set is what the renewal begins with; the next one shows what the server gave last.
    @Test func `the token renewer shows the last refresh token`() async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1"), .grant("two", refresh: "r-2"), .grant("three", refresh: "r-2"))
        let renewer = clock.renewer([drive: issuer], store: try store())
        await renewer.tick()
        #expect(renewer.states[drive]?.word == .waitsForSeed)
        #expect(clock.handedOn.isEmpty)
        try clock.seed(drive, "r-0")
        await renewer.tick()
        for _ in 0..<2 {
            clock.advance(.seconds(2880))
            await renewer.tick()
        }
        #expect(issuer.asked == ["r-0", "r-1", "r-2"])
        // A process that starts goes on with it.
        clock.advance(.seconds(2880))
        issuer.answer(.grant("four", refresh: "r-4"))
        await clock.renewer([drive: issuer], store: try store(), holder: "two").tick()
        #expect(issuer.asked.last == "r-2")
        // Another value of an operator begins anew.
        try clock.seed(drive, "again")
        await clock.renewer([drive: issuer], store: try store(), holder: "three").tick()
        #expect(issuer.asked.last == "again")
    }

    @Test func `the token renewer renews once for all that share a store`() async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one"), .grant("two"), .grant("three"))
        let renewers = try (0..<3).map { clock.renewer([app: issuer], store: try store(), holder: "\($0)") }
        for _ in 0..<3 {
            await withTaskGroup(of: Void.self) { group in
                for renewer in renewers { group.addTask { await renewer.tick() } }
            }
            // Those that found the lease held look again.
            clock.advance(RenewalSchedule.heldWait)
            for renewer in renewers { await renewer.tick() }
            clock.advance(.seconds(2880))
        }
        #expect(issuer.asked.count == 3)
        #expect(renewers.map { $0.tokens[app]?.secret.text } == ["three", "three", "three"])
    }

    @Test func `the token renewer waits for a human when the server gives nothing more`() async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1"), .failure(.revoked))
        let renewer = clock.renewer([drive: issuer], store: try store())
        try clock.seed(drive, "r-0")
        await renewer.tick()
        clock.advance(.seconds(2880))
        await renewer.tick()
        #expect(renewer.states[drive]?.word == .needsConnecting)
        #expect(renewer.states[drive]?.problem == RenewalFailure.revoked.message)
        #expect(renewer.states[drive]?.hint == "connect it anew")
        #expect(clock.handedOn.last == [:])
        for _ in 0..<100 {
            clock.advance(.seconds(60))
            await renewer.tick()
        }
        #expect(issuer.asked == ["r-0", "r-1"])
        // Nor does a process that starts.
        await clock.renewer([drive: issuer], store: try store(), holder: "two").tick()
        #expect(issuer.asked.count == 2)
        issuer.answer(.grant("two", refresh: "r-2"))
        try clock.seed(drive, "anew")
        await renewer.tick()
        #expect(clock.handedOn.last == ["drive": "two"])
        #expect(renewer.states[drive]?.problem == nil)
    }

    /// A provider that is down for an hour: the token serves to its end, and a handful of tries an hour ask for it.
    @Test func `the token renewer survives an hour without the server`() async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one"), .failure(.away))
        let renewer = clock.renewer([app: issuer], store: try store())
        await renewer.tick()
        clock.advance(.seconds(2880))
        for second in 0..<3600 {
            await renewer.tick()
            #expect(renewer.tokens[app] == nil ? second >= 720 : second < 720)
            clock.advance(.seconds(1))
        }
        #expect(renewer.states[app]?.word == .failing)
        #expect((10...25).contains(issuer.asked.count))
        issuer.answer(.grant("two"))
        clock.advance(.seconds(300))
        await renewer.tick()
        #expect(clock.handedOn == [["app": "one"], [:], ["app": "two"]])
    }

    @Test(arguments: [86_400, -86_400])
    func `the token renewer is not moved by a clock that jumps`(seconds: Int64) async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one"), .grant("two"))
        let renewer = clock.renewer([app: issuer], store: try store())
        await renewer.tick()
        clock.jump(.seconds(seconds))
        for _ in 0..<47 {
            clock.advance(.seconds(60))
            await renewer.tick()
        }
        #expect(issuer.asked.count == 1)
        #expect(clock.handedOn == [["app": "one"]])
        clock.advance(.seconds(60))
        await renewer.tick()
        #expect(clock.handedOn == [["app": "one"], ["app": "two"]])
    }

    @Test func `the token renewer answers a caller that reports a rejected version`() async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one", lifetime: nil), .grant("two", lifetime: nil), .failure(.away))
        let renewer = clock.renewer([app: issuer], store: try store())
        await renewer.tick()
        let answers = Mutex<[String]>([])
        func report(_ version: Int) {
            renewer.rejected(GrantKey(app), version: version) { value in
                answers.withLock { $0.append(value?.secret.text ?? "-") }
            }
        }
        for _ in 0..<100 { report(1) }
        #expect(answers.withLock { $0.isEmpty })
        await renewer.tick()
        #expect(answers.withLock { $0 } == Array(repeating: "two", count: 100))
        #expect(issuer.asked.count == 2)
        // An older version: the present one is there already.
        report(1)
        #expect(answers.withLock { $0.last } == "two")
        // Too soon after the last forced renewal, and a token that does not renew itself.
        report(2)
        await renewer.tick()
        renewer.rejected(GrantKey(.other), version: 1) { value in
            answers.withLock { $0.append(value?.secret.text ?? "-") }
        }
        #expect(answers.withLock { $0.suffix(2) } == ["-", "-"])
        #expect(issuer.asked.count == 2)
        // A renewal that fails answers, too.
        clock.advance(RenewalSchedule.forcedInterval)
        report(2)
        await renewer.tick()
        #expect(answers.withLock { $0.last } == "-")
        #expect(answers.withLock { $0.count } == 104)
    }

    /// Rounds are a second apart, and a token of some seconds would end before the one that finds it due.
    @Test(.timeLimit(.minutes(1))) func `the token renewer is awake when a renewal is due`() async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1", lifetime: 6))
        try clock.seed(drive, "r-0")
        let (renewals, renewed) = AsyncStream.makeStream(of: Duration.self)
        let renewer = clock.renewer([drive: issuer], store: try store(), rounds: false) { [clock] _, _ in
            renewed.yield(clock.uptime)
        }
        let run = Task { await renewer.run() }
        var times: [Duration] = []
        for await time in renewals.prefix(4) { times.append(time) }
        run.cancel()
        await run.value
        #expect(times.map { Int(($0 / .milliseconds(1)).rounded()) } == [0, 4800, 9600, 14_400])
    }

    @Test func `the token renewer asks nothing in a burst`() async throws {
        let running = Mutex((now: 0, most: 0))
        struct Slow: TokenIssuer {
            let needsSeed = false
            let enter: @Sendable () -> Void
            let leave: @Sendable () -> Void
            func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
                enter()
                for _ in 0..<10 { await Task.yield() }
                leave()
                return TokenGrant(access: Secret("access"), issuedAt: Timestamp(seconds: 0), expiresAt: nil)
            }
        }
        let slow = Slow(
            enter: { running.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } },
            leave: { running.withLock { $0.now -= 1 } }
        )
        let renewer = TokenRenewer(
            (0..<100).map { RenewedToken(.name("token-\($0)"), by: slow) },
            store: try store(),
            holder: "one",
            seeds: { [:] },
            TokenRenewer.Listeners(onChange: { _ in })
        )
        await renewer.tick()
        #expect(renewer.tokens.count == 100)
        #expect(running.withLock { $0.most } <= TokenRenewer.maximumRunning)
    }

    // MARK: - Between the provider's rotation and our write

    /// The process died: another one may show the old refresh token, and a provider that punishes reuse ends the family.
    @Test(arguments: [true, false])
    func `a renewal is ended after a death before the write`(punishes: Bool) async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1"))
        try clock.seed(drive, "r-0")
        await clock.renewer([drive: issuer], store: try store()).tick()
        clock.advance(.seconds(2880))
        // As `kill -9` leaves it: a lease without an end.
        _ = try await store().lease(GrantKey(drive), by: "one")
        clock.advance(SealedTokenStore.leaseTime)
        issuer.answer(punishes ? .failure(.revoked) : .grant("two", refresh: "r-2"))
        let renewer = clock.renewer([drive: issuer], store: try store(), holder: "two")
        await renewer.tick()
        #expect(issuer.asked == ["r-0", "r-1"])
        #expect(renewer.states[drive]?.word == (punishes ? .needsConnecting : .good))
    }

    @Test func `a renewal is not tried a third time`() async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1"))
        try clock.seed(drive, "r-0")
        await clock.renewer([drive: issuer], store: try store()).tick()
        clock.advance(.seconds(2880))
        for holder in ["one", "two"] {
            _ = try await store().lease(GrantKey(drive), by: holder)
            clock.advance(SealedTokenStore.leaseTime)
        }
        let renewer = clock.renewer([drive: issuer], store: try store(), holder: "three")
        await renewer.tick()
        #expect(issuer.asked == ["r-0"])
        #expect(renewer.states[drive]?.word == .needsConnecting)
        #expect(renewer.states[drive]?.problem?.hasPrefix("2 renewals broke off") == true)
    }

    /// The store takes nothing for a while: what the provider gave is kept until it does, and not asked for again.
    @Test func `the token renewer writes what the store did not take`() async throws {
        let issuer = issuer()
        issuer.answer(.grant("one", refresh: "r-1"), .grant("two", refresh: "r-2"), .grant("three", refresh: "r-3"))
        try clock.seed(drive, "r-0")
        let renewer = clock.renewer([drive: issuer], store: try store())
        await renewer.tick()
        clock.advance(.seconds(2880))
        try fixture.sql(
            """
            CREATE TRIGGER full BEFORE INSERT ON token_versions WHEN NEW.name LIKE '*grant %'
            BEGIN SELECT RAISE(ABORT, 'the disk is full'); END
            """
        )
        await renewer.tick()
        #expect(issuer.asked == ["r-0", "r-1"])
        #expect(renewer.tokens[drive]?.secret.text == "one")
        #expect(renewer.states[drive]?.word == .failing)
        clock.advance(.seconds(5))
        await renewer.tick()
        try fixture.sql("DROP TRIGGER full")
        clock.advance(.seconds(60))
        await renewer.tick()
        #expect(issuer.asked == ["r-0", "r-1"])
        #expect(renewer.tokens[drive]?.secret.text == "two")
        clock.advance(.seconds(2880))
        await renewer.tick()
        #expect(issuer.asked == ["r-0", "r-1", "r-2"])
    }

    @Test func `the token renewer says what it cannot read`() async throws {
        let issuer = issuer(needsSeed: false)
        issuer.answer(.grant("one"))
        await clock.renewer([app: issuer], store: try store()).tick()
        try fixture.sql("UPDATE token_heads SET latest = 7 WHERE name = '*grant app'")
        let renewer = clock.renewer([app: issuer], store: try store(), holder: "two")
        await renewer.tick()
        #expect(renewer.tokens.isEmpty)
        #expect(renewer.states[app]?.problem?.contains("changed outside Gatehouse") == true)
        #expect(issuer.asked.count == 1)
    }
}

/// The same store from two processes' connections, over PostgreSQL's locks.
@Suite(.needsPostgres) struct RenewersOnOnePostgres {
    @Test func `renewers on one PostgreSQL renew once`() async throws {
        let fixture = try await PostgresStoreFixture()
        let clock = RenewalFixture()
        let app = TokenName.name("app")
        let issuer = RenewalFixture.Issuer(needsSeed: false, clock: clock)
        issuer.answer(.grant("one"), .grant("two"), .grant("three"))
        let renewers = try (0..<2).map { clock.renewer([app: issuer], store: try fixture.store(), holder: "\($0)") }
        for round in 1...3 {
            for _ in 0..<2 {
                await withTaskGroup(of: Void.self) { group in
                    for renewer in renewers { group.addTask { await renewer.tick() } }
                }
                clock.advance(RenewalSchedule.heldWait)
            }
            #expect(issuer.asked.count == round)
            clock.advance(.seconds(2880))
        }
        #expect(renewers.map { $0.tokens[app]?.secret.text } == ["three", "three"])
    }
}
