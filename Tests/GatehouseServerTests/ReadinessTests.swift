@testable import AccessIdentity
import GatehouseAudit
import GatehouseCore
@testable import GatehouseServer
@testable import GatehouseTokens
import Testing

@Suite struct TheReadinessOfAnInstance {
    private static let now = Timestamp(seconds: 1_795_424_400)

    private var keys = SigningKeySource.Status()
    private var tokens = TokenRefreshState()
    private var audit = AuditState()
    private var reload = ReloadState(startedAt: Self.now)

    init() {
        keys.keyIDs = ["one", "two"]
        keys.servesUntil = Self.now.seconds + 60
        tokens.lastSuccess = Self.now
        tokens.served = 3
    }

    private func readiness(isDraining: Bool = false) -> Readiness {
        Readiness(keys: keys, tokens: tokens, audit: audit, reload: reload, isDraining: isDraining, now: Self.now)
    }

    private func missing(_ readiness: Readiness) -> [String] { readiness.checks.filter { !$0.isReady }.map(\.name) }

    @Test func isGivenWhenEverythingIsThere() {
        #expect(readiness().isReady)
        #expect(readiness().checks.map(\.detail) == ["2 keys", "3 tokens", "ready", "in force"])
    }

    @Test mutating func namesTheKeysWithWhyTheyAreMissing() {
        keys = SigningKeySource.Status()
        keys.lastFailure = SigningKeySource.Status.Failure(at: Self.now.seconds, message: "nobody answers")
        #expect(missing(readiness()) == ["keys"])
        #expect(readiness().checks.first?.detail == "nobody answers")
    }

    @Test mutating func endsWithTheTimeThatKeysServe() {
        keys.servesUntil = Self.now.seconds
        #expect(readiness().isReady)
        keys.servesUntil = Self.now.seconds - 1
        #expect(missing(readiness()) == ["keys"])
    }

    @Test mutating func namesTheStore() {
        tokens = TokenRefreshState()
        #expect(missing(readiness()) == ["store"])
        #expect(readiness().checks[1].detail == "not read yet")
        tokens.error = TokenError(.unavailable, "the database is locked")
        #expect(readiness().checks[1].detail == "the database is locked")
    }

    @Test mutating func staysWhileLastGoodTokensServe() {
        tokens.error = TokenError(.unavailable, "the database is locked")
        #expect(readiness().isReady)
        tokens.isExpired = true
        #expect(missing(readiness()) == ["store"])
    }

    @Test mutating func endsWhenEventsCannotBeRecordedAndNotWhenOnlyTheSinkIsDown() {
        audit.sinkTrouble = AuditError(.sinkFailed, "the database is locked")
        #expect(readiness().isReady)
        audit.writerTrouble = AuditError(.spoolUnusable, "the disk is full")
        #expect(missing(readiness()) == ["audit"])
    }

    @Test mutating func staysWhenAFileIsRefusedAndSaysWhy() {
        reload.refused(at: Self.now, ["gatehouse.yaml:3:1: error: 'host' is missing\n  - name: coda\n  ^"])
        #expect(readiness().isReady)
        let detail = readiness().checks.first { $0.name == "configuration" }?.detail
        #expect(
            detail == "the last file was refused, the old one goes on: gatehouse.yaml:3:1: error: 'host' is missing"
        )
        reload.took(at: Self.now, waiting: ["listen", "audit"])
        #expect(readiness().checks.last?.detail == "waiting for a restart: listen audit")
    }

    @Test func endsWhenDraining() {
        #expect(missing(readiness(isDraining: true)) == ["process"])
    }

    @Test mutating func isReadBackFromItsAnswer() throws {
        keys = SigningKeySource.Status()
        keys.lastFailure = SigningKeySource.Status.Failure(at: 0, message: #"a "quoted" \ failure"# + "\n")
        let told = readiness()
        let heard = try #require(InstanceReadiness(told.json.bytes))
        #expect(!heard.isReady)
        #expect(heard.checks.map(\.name) == told.checks.map(\.name))
        #expect(heard.checks.map(\.isReady) == told.checks.map(\.isReady))
        #expect(heard.checks.map(\.detail) == told.checks.map(\.detail))
    }

    @Test(arguments: [
        "", "ok", "{}", "[]", #"{"checks":{}}"#, #"{"ready":true} trailing"#, #"{"ready":true,"checks":{"a":1}}"#,
    ])
    func isNotHeardInTheAnswerOfSomethingElse(_ text: String) {
        #expect(InstanceReadiness(Array(text.utf8)) == nil)
    }
}
