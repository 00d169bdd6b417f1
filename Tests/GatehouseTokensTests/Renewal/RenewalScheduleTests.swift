import GatehouseCore
import Testing

@testable import GatehouseTokens

@Suite struct TheRenewalSchedule {
    /// A schedule that expectations may move.
    @dynamicMemberLookup private final class Plan {
        private var schedule: RenewalSchedule

        init(needsSeed: Bool) { schedule = RenewalSchedule(needsSeed: needsSeed) }

        subscript<Value>(dynamicMember path: KeyPath<RenewalSchedule, Value>) -> Value { schedule[keyPath: path] }

        func read(
            _ kept: KeptGrant?,
            version: Int,
            seed: SeedDigest?,
            at now: Duration,
            wall: Timestamp,
            jitter: Double
        ) { schedule.read(kept, version: version, seed: seed, at: now, wall: wall, jitter: jitter) }
        func begin(at now: Duration) -> Bool { schedule.begin(at: now) }
        func rejected(version: Int, at now: Duration) -> Bool { schedule.rejected(version: version, at: now) }
        func hasEnded(at now: Duration) -> Bool { schedule.hasEnded(at: now) }
        func isUnderWay(at now: Duration) -> Bool { schedule.isUnderWay(at: now) }
        func ended() { schedule.ended() }
        func held(at now: Duration) { schedule.held(at: now) }
        func failed(retryAfter: Duration?, at now: Duration, jitter: Double) {
            schedule.failed(retryAfter: retryAfter, at: now, jitter: jitter)
        }
    }

    static let wall = Timestamp(seconds: 1_764_000_000)
    static let seed = SeedDigest(of: Secret("seed"))

    /// Issued now, by a clock that is `ahead`.
    private func grant(
        lifetime: Int64?,
        seed: SeedDigest? = nil,
        ahead: Duration = .zero
    ) -> KeptGrant {
        let issued = Self.wall + ahead
        return .usable(
            TokenGrant(
                access: Secret("access"),
                issuedAt: issued,
                expiresAt: lifetime.map { issued + .seconds($0) },
                seed: seed
            )
        )
    }

    private func good(lifetime: Int64? = 3600, jitter: Double = 0.5) -> Plan {
        let schedule = Plan(needsSeed: false)
        schedule.read(grant(lifetime: lifetime), version: 1, seed: nil, at: .zero, wall: Self.wall, jitter: jitter)
        return schedule
    }

    @Test(arguments: [(0.0, 2700), (0.5, 2880), (1.0, 3060)])
    func `the renewal schedule renews at four fifths of the lifetime`(jitter: Double, due: Int) {
        let schedule = good(jitter: jitter)
        #expect(schedule.state == .good)
        #expect(!schedule.begin(at: .seconds(due) - .milliseconds(1)))
        #expect(schedule.begin(at: .seconds(due) + .milliseconds(1)))
        #expect(!schedule.begin(at: .seconds(due) + .milliseconds(1)))
    }

    @Test func `the renewal schedule asks at once where there is no token`() {
        let schedule = Plan(needsSeed: false)
        #expect(!schedule.begin(at: .zero))
        schedule.read(nil, version: 0, seed: nil, at: .zero, wall: Self.wall, jitter: 0.5)
        #expect(schedule.state == .obtaining)
        #expect(schedule.begin(at: .zero))
    }

    @Test func `the renewal schedule waits for the value that it begins with`() {
        let schedule = Plan(needsSeed: true)
        schedule.read(nil, version: 0, seed: nil, at: .zero, wall: Self.wall, jitter: 0.5)
        #expect(schedule.state == .waitsForSeed)
        #expect(!schedule.begin(at: .seconds(9)))
        schedule.read(nil, version: 0, seed: Self.seed, at: .seconds(9), wall: Self.wall, jitter: 0.5)
        #expect(schedule.state == .obtaining)
        #expect(schedule.begin(at: .seconds(9)))
    }

    @Test func `the renewal schedule does not renew by itself a token without an end`() {
        let schedule = good(lifetime: nil)
        #expect(!schedule.begin(at: .seconds(1_000_000)))
        #expect(!schedule.hasEnded(at: .seconds(1_000_000)))
        #expect(schedule.rejected(version: 1, at: .seconds(1_000_000)))
        #expect(schedule.begin(at: .seconds(1_000_000)))
    }

    @Test func `the renewal schedule forces one renewal for a version and thirty seconds`() {
        let schedule = good()
        #expect(!schedule.rejected(version: 2, at: .seconds(1)))
        #expect(schedule.rejected(version: 1, at: .seconds(1)))
        // The same renewal serves all who ask meanwhile.
        #expect(schedule.rejected(version: 1, at: .seconds(1)))
        #expect(schedule.begin(at: .seconds(1)))
        #expect(schedule.rejected(version: 1, at: .seconds(2)))
        // The renewal came to nothing: none is forced for this version again.
        schedule.failed(retryAfter: .seconds(1000), at: .seconds(2), jitter: 0)
        #expect(!schedule.rejected(version: 1, at: .seconds(100)))
        #expect(schedule.begin(at: .seconds(1002)))
        // It is in the store, and whoever asks before that was read waits for it.
        schedule.ended()
        #expect(schedule.rejected(version: 1, at: .seconds(1002)))
        schedule.read(grant(lifetime: 3600), version: 2, seed: nil, at: .seconds(1003), wall: Self.wall, jitter: 0.5)
        #expect(schedule.rejected(version: 2, at: .seconds(1004)))
        #expect(schedule.begin(at: .seconds(1004)))
        schedule.ended()
        schedule.read(grant(lifetime: 3600), version: 3, seed: nil, at: .seconds(1005), wall: Self.wall, jitter: 0.5)
        #expect(!schedule.rejected(version: 3, at: .seconds(1033)))
        #expect(schedule.rejected(version: 3, at: .seconds(1034)))
    }

    @Test func `the renewal schedule backs off up to five minutes, and keeps the token to its end`() {
        let schedule = good()
        var now = Duration.seconds(2880)
        var waits: [Int64] = []
        for _ in 0..<12 {
            #expect(schedule.begin(at: now))
            schedule.failed(retryAfter: nil, at: now, jitter: 1)
            #expect(schedule.state == .failing)
            let due = schedule.dueAt ?? .zero
            waits.append((due - now).components.seconds)
            now = due
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
        #expect(!schedule.hasEnded(at: .seconds(3599)))
        #expect(schedule.hasEnded(at: .seconds(3600)))
    }

    @Test func `the renewal schedule waits as long as the server asks`() {
        let schedule = good()
        #expect(schedule.begin(at: .seconds(2880)))
        schedule.failed(retryAfter: .seconds(120), at: .seconds(2880), jitter: 0)
        #expect(schedule.dueAt == .seconds(3000))
    }

    @Test func `the renewal schedule waits for another process that renews it`() {
        let schedule = good()
        #expect(schedule.begin(at: .seconds(2880)))
        schedule.held(at: .seconds(2880))
        #expect(schedule.isUnderWay(at: .seconds(2880)))
        #expect(!schedule.begin(at: .seconds(2881)))
        #expect(schedule.begin(at: .seconds(2882)))
    }

    @Test func `the renewal schedule takes a grant of the future for a new one`() {
        let schedule = Plan(needsSeed: false)
        let future = grant(lifetime: 3600, ahead: .seconds(7200))
        schedule.read(future, version: 1, seed: nil, at: .zero, wall: Self.wall, jitter: 0.5)
        #expect(schedule.dueAt == .seconds(2880))
        #expect(!schedule.hasEnded(at: .seconds(3599)))
    }

    @Test func `the renewal schedule renews at once a token that is past its time`() {
        let schedule = Plan(needsSeed: false)
        let past = grant(lifetime: 3600, ahead: .seconds(-7200))
        schedule.read(past, version: 1, seed: nil, at: .seconds(5), wall: Self.wall, jitter: 0.5)
        #expect(schedule.hasEnded(at: .seconds(5)))
        #expect(schedule.begin(at: .seconds(5)))
    }

    @Test func `the renewal schedule asks nothing more for a refresh token that has ended`() {
        let schedule = Plan(needsSeed: true)
        let ended = KeptGrant.needsConnecting(why: "invalid_grant", seed: Self.seed)
        schedule.read(ended, version: 3, seed: Self.seed, at: .zero, wall: Self.wall, jitter: 0.5)
        #expect(schedule.state == .needsConnecting)
        #expect(!schedule.rejected(version: 3, at: .zero))
        #expect(!schedule.begin(at: .seconds(100_000)))
        schedule.read(
            ended,
            version: 3,
            seed: SeedDigest(of: Secret("another")),
            at: .seconds(100_000),
            wall: Self.wall,
            jitter: 0.5
        )
        #expect(schedule.state == .obtaining)
        #expect(schedule.begin(at: .seconds(100_000)))
    }

    /// Nobody sets anything for an app: whether its owner has put it right is found by asking, slowly.
    @Test func `the renewal schedule asks again slowly for a value that nobody sets`() {
        let schedule = Plan(needsSeed: false)
        let ended = KeptGrant.needsConnecting(why: "no installation", seed: nil)
        schedule.read(ended, version: 3, seed: nil, at: .zero, wall: Self.wall, jitter: 0.5)
        #expect(schedule.begin(at: .zero))
        schedule.ended()
        schedule.read(ended, version: 4, seed: nil, at: .seconds(1), wall: Self.wall, jitter: 0.5)
        #expect(!schedule.begin(at: .seconds(300)))
        #expect(schedule.begin(at: .seconds(301)))
    }

    @Test func `the renewal schedule tries another beginning once, and then with patience`() {
        let schedule = Plan(needsSeed: true)
        let old = grant(lifetime: 3600, seed: Self.seed)
        let new = SeedDigest(of: Secret("another"))
        schedule.read(old, version: 1, seed: Self.seed, at: .zero, wall: Self.wall, jitter: 0.5)
        schedule.read(old, version: 1, seed: new, at: .seconds(5), wall: Self.wall, jitter: 0.5)
        #expect(schedule.begin(at: .seconds(5)))
        schedule.failed(retryAfter: .seconds(60), at: .seconds(5), jitter: 1)
        schedule.read(old, version: 1, seed: new, at: .seconds(6), wall: Self.wall, jitter: 0.5)
        #expect(!schedule.begin(at: .seconds(64)))
        #expect(schedule.begin(at: .seconds(65)))
    }

    @Test func `a deleted grant is not begun anew with the value that it came from`() {
        let schedule = Plan(needsSeed: true)
        let old = grant(lifetime: 3600, seed: Self.seed)
        schedule.read(old, version: 1, seed: Self.seed, at: .zero, wall: Self.wall, jitter: 0.5)
        schedule.read(nil, version: 0, seed: Self.seed, at: .seconds(1), wall: Self.wall, jitter: 0.5)
        #expect(!schedule.begin(at: .seconds(1)))
        schedule.read(nil, version: 0, seed: nil, at: .seconds(2), wall: Self.wall, jitter: 0.5)
        #expect(schedule.state == .waitsForSeed)
    }
}
