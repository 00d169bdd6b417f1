@testable import AccessIdentity
import Crypto
import Foundation
import GatehouseAudit
import GatehouseCore
@testable import GatehouseProxy
@testable import GatehouseServer
@testable import GatehouseTokens
import Testing

@Suite struct TheStatusPage {
    private static let now = Timestamp(seconds: 1_795_424_400)
    private static let hostile = "<script>alert('1')</script>\u{202E}\"&"

    private func facts() throws -> StatusFacts {
        var keys = SigningKeySource.Status()
        keys.keyIDs = ["kid-of-the-issuer"]
        keys.fetchedAt = Self.now.seconds - 90
        keys.origin = .issuer
        keys.servesUntil = Self.now.seconds + 3600
        var store = TokenRefreshState()
        store.lastSuccess = Self.now
        let reload = ReloadState(startedAt: Self.now + .seconds(-120))
        let readiness = Readiness(
            keys: keys,
            tokens: store,
            audit: AuditState(),
            reload: reload,
            isDraining: false,
            now: Self.now
        )
        var facts = StatusFacts(
            startedAt: Self.now + .seconds(-120),
            now: Self.now,
            readiness: readiness,
            store: store,
            reload: reload
        )
        facts.keys = keys
        facts.storeName = "phase1"
        facts.routes = [
            Route(
                name: try TokenName(parsing: "coda"),
                host: try HostPattern(parsing: "coda.example.com"),
                audiences: ["aud"],
                upstream: try Upstream(parsing: "http://coda-mcp:8080")
            )
        ]
        return facts
    }

    private func html(_ facts: StatusFacts) -> String { StatusPage(facts: facts).html }

    @Test func `shows what there is, in words`() throws {
        var facts = try facts()
        let coda = try TokenName(parsing: "coda")
        facts.tokens = [
            TokenSummary(
                name: coda,
                version: 7,
                createdAt: Self.now + .seconds(-86_400 * 3),
                expiresAt: Self.now + .seconds(86_400),
                fingerprint: nil,
                actor: "",
                note: "",
                problem: nil
            )
        ]
        facts.traffic.health[coda] = RouteHealth(
            lastAnswer: Self.now + .seconds(-60),
            lastFailure: (Self.now + .seconds(-30), .upstreamCredentialRejected)
        )
        facts.credentials = [
            StatusFacts.Credential(name: "night watch", expiresAt: Self.now + .seconds(600))
        ]
        let page = html(facts)
        for words in [
            "coda.example.com/", "coda-mcp:8080", "upstream_credential_rejected", "30 s ago", "kid-of-the-issuer",
            ">7<", "in 1 d", "night watch", "store phase1", "None since the start.", "up 2 min", ">ready<",
        ] {
            #expect(page.contains(words), "\(words)")
        }
    }

    @Test func `is a plain page without a section for credentials that no route takes`() throws {
        #expect(!html(try facts()).contains("Break-glass"))
    }

    @Test func `names why a file was refused and what waits`() throws {
        var facts = try facts()
        facts.reload.took(at: Self.now, waiting: ["listen"])
        #expect(html(facts).contains("waits for a restart"))
        facts.reload.refused(at: Self.now, ["gatehouse.yaml:3:1: error: 'host' is missing"])
        #expect(html(facts).contains("<pre>gatehouse.yaml:3:1: error: &#39;host&#39; is missing</pre>"))
    }

    @Test func `makes nothing that others say into markup`() throws {
        var facts = try facts()
        facts.tokensProblem = Self.hostile
        facts.version = Self.hostile
        facts.keys.keyIDs = [Self.hostile]
        facts.reload.refused(at: Self.now, [Self.hostile])
        let page = html(facts)
        #expect(!page.contains("<script") && !page.contains("\u{202E}"))
        #expect(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"))
    }

    @Test func `asks nothing of anybody and allows nothing but its own style`() throws {
        let page = html(try facts())
        for forbidden in ["<script", "<form", "<input", "<a ", "src=", "href=", " style=", "http:", "https:", "url("] {
            #expect(!page.contains(forbidden), "\(forbidden)")
        }
        let start = try #require(page.range(of: "<style>")?.upperBound)
        let end = try #require(page.range(of: "</style>")?.lowerBound)
        let digest = Data(SHA256.hash(data: Data(page[start..<end].utf8))).base64EncodedString()
        #expect(StatusPage.policy.contains("style-src 'sha256-\(digest)'"))
        #expect(StatusPage.policy.hasPrefix("default-src 'none';"))
        #expect(!StatusPage.policy.contains("unsafe"))
    }

    @Test func `has every element closed in order`() throws {
        var facts = try facts()
        facts.tokensProblem = "the database is locked"
        let coda = try TokenName(parsing: "coda")
        var hour = LastHour()
        hour.count(nil, minute: 0)
        hour.count(.rateLimited, minute: 0)
        facts.traffic.hours[coda] = hour
        var open: [String] = []
        for match in html(facts).matches(of: #/<(\/?)([a-z0-9]+)[^>]*?(\/?)>/#) {
            let name = String(match.output.2)
            if ["meta"].contains(name) || !match.output.3.isEmpty { continue }
            if match.output.1.isEmpty { open.append(name) } else { #expect(open.popLast() == name) }
        }
        #expect(open.isEmpty)
    }

    @Test(arguments: [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (7200, "2 h"), (90_000, "1 d 1 h"), (-5, "0 s"),
    ])
    func `says spans as people do`(seconds: Int64, words: String) {
        #expect(StatusWords.span(seconds: seconds) == words)
    }

    @Test func `says numbers as people do`() {
        #expect(StatusWords.count(1_234_567) == "1\u{202F}234\u{202F}567")
        #expect(StatusWords.latency(180) == "0.18 ms")
        #expect(StatusWords.latency(41_900) == "42 ms")
        #expect(StatusWords.latency(1_240_000) == "1.2 s")
        #expect(StatusWords.bytes(512) == "512 B")
        #expect(StatusWords.bytes(5 << 20) == "5.0 MiB")
    }

    @Test func `finds a quantile within its bucket`() {
        var histogram = LatencyHistogram()
        #expect(histogram.quantile(0.5) == nil)
        for _ in 0..<100 { histogram.record(200) }
        // All lie between 100 and 250 µs.
        #expect(histogram.quantile(0.5) == 175)
        histogram.record(90_000_000)
        #expect(histogram.quantile(1) == 60_000_000)
    }
}

@Suite struct TheHostOfAnAdminPage {
    @Test(arguments: [
        "127.0.0.1:9090", "localhost:9090", "LOCALHOST", "[::1]:9090", "10.1.2.3", "gatehouse.lan:9090", "x.localhost",
    ])
    func `is an address, localhost or the listener's own name`(field: String) {
        #expect(AdminHost(.tcp(host: "gatehouse.lan", port: 9090)).admits(field))
    }

    @Test(arguments: ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "1.2.3", "1.2.3.400"])
    func `is never a name that somebody else could point here`(field: String) {
        #expect(!AdminHost(.tcp(host: "0.0.0.0", port: 9090)).admits(field))
        #expect(!AdminHost(.unix(path: "/run/admin.sock")).admits(field))
    }

    @Test func `must be there`() { #expect(!AdminHost(.tcp(host: "127.0.0.1", port: 9090)).admits(nil)) }
}
