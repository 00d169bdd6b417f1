@testable import AccessIdentity
import GatehouseAudit
import GatehouseCore
@testable import GatehouseProxy
@testable import GatehouseServer
@testable import GatehouseTokens
import Glibc
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

    private var routes: [Route] = []
    private var served: [TokenName: Int] = [:]
    private var personal: Set<TokenName> = []
    private var files: [Finding] = []

    private func readiness(isDraining: Bool = false, isListening: Bool = true) -> Readiness {
        var facts = InstanceFacts(now: Self.now, reload: reload)
        facts.keys = keys
        facts.certsURL = "https://team.example/certs"
        facts.store = tokens
        facts.storeName = "phase1"
        facts.audit = audit
        facts.routes = routes
        facts.served = served
        facts.personal = personal
        facts.files = files
        facts.uptime = .seconds(60)
        facts.isDraining = isDraining
        facts.isListening = isListening
        facts.conditions = routes.map {
            RouteCondition($0, missing: facts.missing($0), health: RouteHealth(), hour: LastHour().ending(at: 0))
        }
        return Readiness(facts)
    }

    private func missing(_ readiness: Readiness) -> [String] { readiness.checks.filter { !$0.isReady }.map(\.name) }

    @Test func `an instance is ready when everything is there`() {
        #expect(readiness().isReady)
        #expect(readiness().checks.map(\.detail) == ["2 keys", "3 tokens", "0 routes", "ready", "in force"])
    }

    @Test mutating func `readiness names the missing keys with the reason`() {
        keys = SigningKeySource.Status()
        keys.lastFailure = SigningKeySource.Status.Failure(at: Self.now.seconds, message: "nobody answers")
        #expect(missing(readiness()) == ["keys"])
        #expect(readiness().checks.first?.detail == "https://team.example/certs: nobody answers")
        #expect(readiness().findings == [.certs("https://team.example/certs", "nobody answers")])
    }

    @Test mutating func `readiness ends with the time that keys serve`() {
        keys.servesUntil = Self.now.seconds
        #expect(readiness().isReady)
        keys.servesUntil = Self.now.seconds - 1
        #expect(missing(readiness()) == ["keys"])
    }

    @Test mutating func `readiness names the store`() {
        tokens = TokenRefreshState()
        #expect(missing(readiness()) == ["store"])
        #expect(readiness().checks[1].detail == "the store was not read yet")
        tokens.error = TokenError(.unavailable, "the database is locked")
        #expect(readiness().checks[1].detail == "the database is locked")
    }

    @Test mutating func `readiness stays while the last good tokens serve`() {
        tokens.error = TokenError(.unavailable, "the database is locked")
        #expect(readiness().isReady)
        tokens.isExpired = true
        #expect(missing(readiness()) == ["store"])
    }

    @Test mutating func `readiness ends when events cannot be recorded, and not when only the sink is down`() {
        audit.sinkTrouble = AuditError(.sinkFailed, "the database is locked")
        #expect(readiness().state == .degraded)
        audit.writerTrouble = AuditError(.spoolUnusable, "the disk is full")
        #expect(missing(readiness()) == ["audit"])
    }

    @Test mutating func `readiness stays when a file is refused, and says why`() {
        reload.refused(at: Self.now, ["gatehouse.yaml:3:1: error: 'host' is missing\n  - name: coda\n  ^"])
        #expect(readiness().isReady)
        let detail = readiness().checks.first { $0.name == "configuration" }?.detail
        #expect(
            detail == "the last file was refused, the old one goes on: gatehouse.yaml:3:1: error: 'host' is missing"
        )
        reload.took(at: Self.now, waiting: ["listen", "audit"])
        #expect(readiness().checks.last?.detail == "waiting for a restart: listen audit")
    }

    private static func route(_ name: String) throws -> Route {
        let name = try RouteName(parsing: name)
        return Route(
            name: name,
            host: try HostPattern(parsing: "coda.example"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: "http://coda:8080"),
            injections: [
                Injection(
                    name: try HeaderName(parsing: "X-Key"),
                    value: try .init(parsing: "{token}", ownToken: name.ownToken)
                )
            ]
        )
    }

    @Test mutating func `readiness is degraded while a route lacks its token, and ends when all do`() throws {
        routes = [try Self.route("coda"), try Self.route("other")]
        served = [try TokenName(parsing: "other"): 1]
        #expect(readiness().state == .degraded)
        #expect(readiness().json.text.hasPrefix(#"{"ready":"degraded","#))
        let detail = readiness().checks.first { $0.name == "routes" }?.detail
        #expect(detail == "1 of 2 routes lack a token: coda needs coda")
        let finding = try #require(readiness().findings.first)
        #expect(readiness().findings.count == 1 && finding.probe == .token && finding.verdict == .fail)
        #expect(finding.subject == "coda" && finding.detail == "is not in the store, and needed by coda")
        #expect(finding.advice == "gatehouse token set coda")
        let heard = try #require(InstanceReadiness(readiness().json.bytes))
        #expect(heard.isReady && heard.isDegraded && heard.findings == readiness().findings)
        served = [:]
        #expect(missing(readiness()) == ["routes"])
        #expect(readiness().json.text.hasPrefix(#"{"ready":false,"#))
    }

    @Test mutating func `a route whose token each person has lacks none`() throws {
        routes = [try Self.route("coda")]
        #expect(readiness().state == .missing)
        personal = [try TokenName(parsing: "coda")]
        #expect(readiness().state == .ready)
        #expect(readiness().findings.isEmpty)
    }

    @Test mutating func `readiness names a file that was replaced behind its mount`() throws {
        var template = Array("/tmp/gatehouse-readiness.XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        defer { close(descriptor) }
        let path = "/proc/self/fd/\(descriptor)"
        #expect(Finding.replacedFile(path, .configuration) == nil)
        // A mount of a file that was replaced goes on showing this: an inode without a name.
        unlink(template)
        files = [try #require(Finding.replacedFile(path, .configuration))]
        #expect(readiness().state == .degraded)
        #expect(readiness().json.text.contains("the container still sees the old one: mount the folder"))
    }

    @Test func `readiness begins with the listener`() { #expect(missing(readiness(isListening: false)) == ["process"]) }

    @Test func `readiness ends when draining`() {
        #expect(missing(readiness(isDraining: true)) == ["process"])
    }

    @Test mutating func `readiness is read back from its answer`() throws {
        keys = SigningKeySource.Status()
        keys.lastFailure = SigningKeySource.Status.Failure(at: 0, message: #"a "quoted" \ failure"# + "\n")
        let told = readiness()
        let heard = try #require(InstanceReadiness(told.json.bytes))
        #expect(!heard.isReady && !heard.isDegraded)
        #expect(heard.checks.map(\.name) == told.checks.map(\.name))
        #expect(heard.checks.map(\.isReady) == told.checks.map(\.isReady))
        #expect(heard.checks.map(\.detail) == told.checks.map(\.detail))
    }

    @Test(arguments: [
        "", "ok", "{}", "[]", #"{"checks":{}}"#, #"{"ready":true} trailing"#, #"{"ready":true,"checks":{"a":1}}"#,
    ])
    func `the answer of another server is not taken for readiness`(_ text: String) {
        #expect(InstanceReadiness(Array(text.utf8)) == nil)
    }
}
