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
    private static let now = StatusFacts.sampleTime
    private static let hostile = "<script>alert('1')</script>\u{202E}\"&"

    private func facts() throws -> StatusFacts {
        var facts = StatusFacts.sample(routes: [try Self.route("coda", "http://coda-mcp:8080")])
        facts.judge()
        return facts
    }

    private static func route(_ name: String, _ upstream: String) throws -> Route {
        Route(
            name: try RouteName(parsing: name),
            host: try HostPattern(parsing: "\(name).example.com"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: upstream)
        )
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
        facts.traffic.health[try RouteName(parsing: "coda")] = RouteHealth(
            lastAnswer: Self.now + .seconds(-60),
            lastFailure: (Self.now + .seconds(-30), .upstreamCredentialRejected, "it answered 401")
        )
        facts.judge()
        facts.credentials = [
            StatusFacts.Credential(name: "night watch", expiresAt: Self.now + .seconds(600))
        ]
        let page = html(facts)
        for words in [
            "coda.example.com/", "coda-mcp:8080", "upstream_credential_rejected", "30 s ago", "kid-of-the-issuer",
            ">7<", "in 1 d", "night watch", "store phase1", "None since the start.", "up 2 min", ">degraded<",
        ] {
            #expect(page.contains(words), "\(words)")
        }
    }

    @Test func `is a plain page without a section for credentials that no route takes`() throws {
        #expect(!html(try facts()).contains("Break-glass"))
    }

    /// Counts requests of a route in a minute before now.
    private func count(_ facts: inout StatusFacts, _ name: String, _ requests: Int, failed: Int, ago: Int) throws {
        let name = try RouteName(parsing: name)
        var hour = facts.traffic.hours[name] ?? LastHour()
        for index in 0..<requests { hour.count(index < failed ? .upstreamError : nil, minute: facts.minute - ago) }
        facts.traffic.hours[name] = hour
        facts.judge()
    }

    @Test func `is never green while a route fails, and red when one fails for every request`() throws {
        var facts = try facts()
        try count(&facts, "coda", 100, failed: 0, ago: 0)
        #expect(StatusPage(facts: facts).headline.isGood)
        // Failures that are over.
        try count(&facts, "coda", 60, failed: 40, ago: 30)
        #expect(StatusPage(facts: facts).headline.words == "degraded")
        #expect(html(facts).contains("40 of 160 failed in the last hour"))
        facts = try self.facts()
        try count(&facts, "coda", 100, failed: 27, ago: 0)
        #expect(StatusPage(facts: facts).headline.words == "degraded")
        facts = try self.facts()
        try count(&facts, "coda", 3, failed: 3, ago: 0)
        #expect(StatusPage(facts: facts).headline.words == "1 route fails")
        #expect(html(facts).contains(#"<span class="pill bad">fails</span>"#))
        // One failure in a hundred is borne.
        facts = try self.facts()
        try count(&facts, "coda", 100, failed: 1, ago: 0)
        #expect(StatusPage(facts: facts).headline.isGood)
    }

    @Test func `shows what needs somebody first, and the rest in the order of the file`() throws {
        var facts = try facts()
        facts.instance.routes = try ["one", "two", "three", "four"].map { try Self.route($0, "http://up:1") }
        try count(&facts, "two", 100, failed: 10, ago: 0)
        try count(&facts, "four", 5, failed: 5, ago: 0)
        let page = html(facts)
        let places = try ["four", "two", "one", "three"].map { name in
            try #require(page.range(of: "\(name)<small>\(name).example.com/")).lowerBound
        }
        #expect(places == places.sorted())
        #expect(page.contains(##"<a href="/runbook#doctor-upstream">upstream</a> four: http://up:1: every request"##))
    }

    @Test func `names what is wrong with its remedy, and nothing when all is well`() throws {
        #expect(!html(try facts()).contains("What is wrong"))
        var facts = try facts()
        facts.instance.files = [
            Finding(.configuration, .fail, "/etc/x.yaml", "was replaced", advice: "mount the folder")
        ]
        #expect(html(facts).contains("/etc/x.yaml: was replaced<small>mount the folder</small>"))
        #expect(StatusPage(facts: facts).headline.words == "degraded")
    }

    /// Green beside words that tell of a fault would be read as "all is well".
    @Test func `colours nothing good that is not`() throws {
        var facts = try facts()
        facts.instance.reload.refused(at: Self.now, ["gatehouse.yaml:3:1: error: 'host' is missing"])
        facts.tokens = [
            TokenSummary(
                name: try TokenName(parsing: "coda"),
                version: 7,
                createdAt: nil,
                expiresAt: Self.now + .seconds(-1),
                fingerprint: nil,
                actor: "",
                note: "",
                problem: nil
            )
        ]
        let page = html(facts)
        #expect(page.contains(#"<span class="pill warn">in part</span> the last file was refused"#))
        #expect(page.contains(#"data-label="state"><span class="pill bad">ended</span>"#))
        #expect(StatusReport(facts).text.contains("ended") && !StatusReport(facts).text.contains("usable"))
    }

    @Test func `is there without any route`() throws {
        var facts = try facts()
        facts.instance.routes = []
        facts.judge()
        #expect(html(facts).contains("<h2>Routes</h2><p class=\"none\">None.</p>"))
    }

    @Test func `names why a file was refused and what waits`() throws {
        var facts = try facts()
        facts.instance.reload.took(at: Self.now, waiting: ["listen"])
        #expect(html(facts).contains("waits for a restart"))
        facts.instance.reload.refused(at: Self.now, ["gatehouse.yaml:3:1: error: 'host' is missing"])
        #expect(html(facts).contains("<pre>gatehouse.yaml:3:1: error: &#39;host&#39; is missing</pre>"))
    }

    @Test func `makes nothing that others say into markup`() throws {
        var facts = try facts()
        facts.tokensProblem = Self.hostile
        facts.version = Self.hostile
        facts.instance.keys.keyIDs = [Self.hostile]
        facts.instance.reload.refused(at: Self.now, [Self.hostile])
        let page = html(facts)
        #expect(!page.contains("<script") && !page.contains("\u{202E}"))
        #expect(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"))
    }

    @Test func `asks nothing of anybody and allows nothing but its own style`() throws {
        let page = html(try facts())
        for forbidden in ["<script", "<form", "<input", "src=", " style=", "http:", "https:", "url("] {
            #expect(!page.contains(forbidden), "\(forbidden)")
        }
        // Links lead to the runbook beside the page, and nowhere else.
        let links = page.matches(of: #/href="([^"]*)"/#).map { String($0.output.1) }
        #expect(!links.isEmpty && links.allSatisfy { $0 == "/runbook" || $0.hasPrefix("/runbook#") })
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
        let coda = try RouteName(parsing: "coda")
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

@Suite struct TheRunbookOfTheAdminListener {
    private func html(_ markdown: String) -> String {
        var html = HTMLText()
        RunbookPage.write(markdown, into: &html)
        return html.text
    }

    @Test func `is the document, with a place for each entry`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let document = try String(
            contentsOf: root.appendingPathComponent("docs/OAUTH_TROUBLESHOOTING.md"),
            encoding: .utf8
        )
        #expect(RunbookText.markdown.description + "\n" == document, "run deploy/generate.sh")
        for entry in Reason.allCases.map(\.rawValue) + Finding.Probe.allCases.map(\.runbook) {
            #expect(RunbookPage.page.body.contains("<h3 id=\"\(entry)\">"), "\(entry)")
        }
    }

    @Test func `shows code and links as such, and makes nothing else into markup`() {
        let text = "## A <b>\n\nSee `a < b` and [there](#here), not [that](OTHER.md).\n\n```sh\nx | y\n```\n"
        let wanted =
            "<h2>A &lt;b&gt;</h2><p>See <code>a &lt; b</code> and <a href=\"/runbook#here\">there</a>, not that.</p>"
            + "<pre>x | y</pre>"
        #expect(html(text) == wanted)
        #expect(html("one ` and [ two") == "<p>one ` and [ two</p>")
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

    @Test func `may be one that the operator has named`() throws {
        let named = AdminHost(.unix(path: "/run/admin.sock"), named: [try Host(parsing: "gatehouse.monitoring")])
        #expect(named.admits("Gatehouse.Monitoring:9090") && !named.admits("x.gatehouse.monitoring"))
    }

    @Test func `must be there`() { #expect(!AdminHost(.tcp(host: "127.0.0.1", port: 9090)).admits(nil)) }
}
