@testable import AccessIdentity
import Foundation
import GatehouseAudit
import GatehouseCore
@testable import GatehouseProxy
@testable import GatehouseServer
@testable import GatehouseTokens
import Testing

/// The output of `gatehouse status`: the page's facts as text, Markdown and JSON.
@Suite struct TheStatusReport {
    private static let now = StatusFacts.sampleTime

    private func facts() throws -> StatusFacts {
        var facts = StatusFacts.sample()
        let coda = try RouteName(parsing: "coda")
        facts.version = "9.9.9"
        facts.storeKind = "sqlite"
        facts.instance.routes = [
            Route(
                name: coda,
                host: try HostPattern(parsing: "coda.example.com"),
                audiences: ["aud"],
                upstream: try Upstream(parsing: "http://coda-mcp:8080"),
                injections: [
                    Injection(
                        name: try HeaderName(parsing: "X-Key"),
                        value: try Injection.Template(parsing: "{token}", ownToken: coda.ownToken)
                    )
                ]
            )
        ]
        facts.instance.served = [coda.ownToken: 7]
        facts.traffic.health[coda] = RouteHealth(
            lastAnswer: Self.now + .seconds(-60),
            lastFailure: (at: Self.now + .seconds(-7200), reason: .upstreamUnreachable, detail: "")
        )
        facts.tokens = [
            TokenSummary(
                name: coda.ownToken,
                version: 7,
                createdAt: Self.now + .seconds(-86_400),
                expiresAt: Self.now + .seconds(86_400),
                fingerprint: nil,
                actor: "",
                note: "",
                problem: nil
            )
        ]
        facts.file = StatusFile(path: "/etc/gatehouse/gatehouse.yaml", inForce: "aa", onDisk: "bb")
        return facts
    }

    private func json(_ facts: StatusFacts) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(facts.json.bytes)) as? [String: Any])
    }

    @Test func `says each thing that an operator looks for`() throws {
        let text = StatusReport(try facts()).text
        for words in [
            "Gatehouse 9.9.9: ready", "(2 min ago)", "differs from what is in force", "coda.example.com/",
            "(1 min ago)", "upstream_unreachable", "kid-of-the-issuer", "version", "in 1 d", "phase1, kind sqlite",
        ] {
            #expect(text.contains(words), "\(words) is not in\n\(text)")
        }
    }

    @Test func `a token that a route needs and nobody has set is missing, and its route fails`() throws {
        var facts = try facts()
        facts.instance.served = [:]
        #expect(StatusReport(facts).text.contains("FAIL, no token coda"))
        let json = try json(facts)
        let tokens = try #require(json["tokens"] as? [[String: Any]])
        #expect(tokens.contains { $0["name"] as? String == "coda" && $0["missing"] as? Bool == true })
        let routes = try #require(json["routes"] as? [[String: Any]])
        #expect(routes[0]["missing_tokens"] as? [String] == ["coda"])
    }

    @Test func `JSON says the same`() throws {
        let json = try json(try facts())
        #expect(json["version"] as? String == "9.9.9" && json["ready"] as? Bool == true)
        let configuration = try #require(json["configuration"] as? [String: Any])
        #expect(configuration["state"] as? String == "in_force")
        #expect(configuration["differs_on_disk"] as? Bool == true)
        let route = try #require((json["routes"] as? [[String: Any]])?.first)
        #expect(route["healthy"] as? Bool == true)
        #expect(route["last_success_at"] as? String == (Self.now + .seconds(-60)).rfc3339)
        #expect(route["last_failure_reason"] as? String == "upstream_unreachable")
        #expect((json["open"] as? [String: Int])?.keys.sorted() == ["connections", "requests"])
    }

    @Test func `a configuration that is held or refused says why`() throws {
        var facts = try facts()
        facts.instance.reload.held(at: Self.now, "wider access waits")
        #expect(StatusReport(facts).text.contains("wider access waits"))
        #expect((try json(facts)["configuration"] as? [String: Any])?["state"] as? String == "held")
        facts.instance.reload.refused(at: Self.now, ["line 1\nline 2"])
        #expect(StatusReport(facts).text.contains("refused"))
        #expect((try json(facts)["configuration"] as? [String: Any])?["state"] as? String == "refused")
    }

    @Test func `a file that was replaced outside is named as what it is`() throws {
        var facts = try facts()
        facts.file = StatusFile(path: "/x.yaml", inForce: "aa", onDisk: "aa", isReplacedOutside: true)
        #expect(StatusReport(facts).text.contains("mount the folder"))
        #expect((try json(facts)["configuration"] as? [String: Any])?["replaced_outside"] as? Bool == true)
    }

    @Test func `Markdown has a date, and takes nothing for markup that came from elsewhere`() throws {
        var facts = try facts()
        facts.instance.reload.refused(at: Self.now, ["<script>|[x](javascript:1)\n# not a heading"])
        let page = StatusReport(facts).markdown
        #expect(page.hasPrefix("# Gatehouse 9.9.9: ready, with warnings\n\nAs of 2026-11-23"))
        #expect(page.contains("| route | at | upstream |"))
        #expect(!page.contains("<script>") && !page.contains("[x](") && !page.contains("\n# not"))
        for line in page.split(separator: "\n") where line.hasPrefix("| ") {
            #expect(line.hasSuffix(" |"))
        }
    }
}
