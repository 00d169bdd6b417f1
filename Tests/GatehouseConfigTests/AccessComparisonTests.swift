import GatehouseConfig
import Testing

@Suite("Who may do more") struct AccessComparisonTests {
    private static func yaml(access: String = "", more: String = "", routes: String) -> String {
        """
        version: 1
        access: { team: example\(access) }
        stores: { phase1: { kind: env } }
        \(more)
        routes:
        \(routes)

        """
    }

    private static func route(_ name: String = "coda", _ keys: String...) -> String {
        (["  - name: \(name)", "    host: \(name).example.com"] + keys.map { "    \($0)" }).joined(separator: "\n")
            + (keys.contains { $0.hasPrefix("audience") } ? "" : "\n    audience: [aud]")
            + (keys.contains { $0.hasPrefix("upstream") } ? "" : "\n    upstream: http://\(name):8080")
    }

    private static func gains(_ old: String, _ new: String) throws -> [String] {
        try AccessComparison(from: read(old), to: read(new)).gains.map(\.description)
    }

    private static func gains(of old: String, _ new: String) throws -> [String] {
        try gains(yaml(routes: route("coda", old)), yaml(routes: route("coda", new)))
    }

    @Test func `another source of groups, and one that is asked less, is a gain`() throws {
        func file(_ identity: String) -> String {
            Self.yaml(
                access: ", groups: { claim: g }" + (identity.isEmpty ? "" : ", identity: { \(identity) }"),
                routes: Self.route("coda", "allow: [ { groups: [a] } ]")
            )
        }
        let url = "https://example.cloudflareaccess.com/cdn-cgi/access/get-identity"
        let fetched = "groups and claims are fetched from \(url)"
        let own = "groups and claims are those of the assertion, and no others are fetched"
        let lenient = "whose identity cannot be fetched is let in by the groups and claims of the assertion"
        for (old, new, gains, losses) in [
            ("", "fetch: true", [fetched], ["no more: \(own)"]), ("fetch: true", "", [own], ["no more: \(fetched)"]),
            ("fetch: false", "", [], []), ("fetch: true", "fetch: true", [], []),
            (
                "fetch: true", "fetch: true, url: \"https://id.example.com/\"",
                ["groups and claims are fetched from https://id.example.com/"], ["no more: \(fetched)"]
            ),
            (
                "fetch: true", "fetch: true, on_failure: assertion, refresh: 10m, max_stale: 2h",
                [
                    lenient, "groups and claims that were fetched are used for 10m",
                    "groups and claims that were fetched serve for 2h while newer ones cannot be",
                ], []
            ),
            ("fetch: true, on_failure: assertion", "fetch: true", [], ["whose identity cannot be fetched is refused"]),
        ] as [(String, String, [String], [String])] {
            let comparison = try AccessComparison(from: read(file(old)), to: read(file(new)))
            #expect(comparison.gains.map(\.description) == gains, "\(old) → \(new)")
            #expect(comparison.losses.map(\.asLoss) == losses, "\(old) → \(new)")
        }
    }

    @Test(arguments: [
        ("allow: [ { users: [ana@x.de] } ]", "protocol: mcp", ["everybody whom Access admits may use it"]),
        ("allow: [ { users: [ana@x.de] } ]", "allow: [ { users: [\"*\"] } ]", ["the user * may use it"]),
        (
            "allow: [ { users: [ana@x.de] } ]", "allow: [ { users: [ana@x.de, bob@x.de] } ]",
            ["the user bob@x.de may use it"]
        ),
        ("allow: [ { users: [\"*@x.de\"] } ]", "allow: [ { users: [ana@X.DE] } ]", []),
        ("allow: [ { users: [\"*@xn--mnchen-3ya.de\"] } ]", "allow: [ { users: [ana@münchen.de] } ]", []),
        (
            "allow: [ { users: [ana@x.de], tools: [read] } ]", "allow: [ { users: [ana@x.de], tools: [read, write] } ]",
            ["the user ana@x.de may use the tool write"]
        ),
        (
            "allow: [ { users: [ana@x.de], tools: [read] } ]", "allow: [ { users: [ana@x.de] } ]",
            ["the user ana@x.de may use every tool"]
        ),
        ("allow: [ { users: [ana@x.de], tools: [\"r*\"] } ]", "allow: [ { users: [ana@x.de], tools: [read] } ]", []),
        // Rules on arguments that go, or let more through, are a gain; ones that come are none.
        (
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { doc: [\"A*\"] } }] } ]",
            "allow: [ { users: [ana@x.de], tools: [write] } ]",
            ["the user ana@x.de may use the tool write with other arguments"]
        ),
        (
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { doc: [\"A*\"] } }] } ]",
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { doc: [\"*\"] } }] } ]",
            ["the user ana@x.de may use the tool write with other arguments"]
        ),
        (
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { n: { max: 5 } }, only: true }] } ]",
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { n: { max: 5 } } }] } ]",
            ["the user ana@x.de may use the tool write with other arguments"]
        ),
        (
            "allow: [ { users: [ana@x.de], tools: [\"w*\"] } ]",
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { n: { max: 5 } } }] } ]", []
        ),
        (
            "allow: [ { users: [ana@x.de], tools: [{ name: \"w*\", arguments: { n: { max: 5 } } }] } ]",
            "allow: [ { users: [ana@x.de], tools: [{ name: write, arguments: { n: { min: 1, max: 4 }, doc: [A] } }] } ]",
            []
        ),
        // Claims that go, or admit more, are a gain; ones that come are none.
        (
            "allow: [ { users: [ana@x.de], claims: { c: [DE] } } ]", "allow: [ { users: [ana@x.de] } ]",
            ["the user ana@x.de may use it"]
        ),
        (
            "allow: [ { users: [ana@x.de], claims: { c: [DE] } } ]",
            "allow: [ { users: [ana@x.de], claims: { c: [DE, AT] } } ]",
            ["the user ana@x.de with the claims { c: [DE, AT] } may use it"]
        ),
        ("allow: [ { users: [ana@x.de] } ]", "allow: [ { users: [ana@x.de], claims: { c: [DE] } } ]", []),
        // Two grants that name somebody hold together.
        (
            "allow: [ { users: [ana@x.de], tools: [read] }, { users: [\"*@x.de\"], tools: [list] } ]",
            "allow: [ { users: [ana@x.de], tools: [read, list] } ]", []
        ),
        (
            "allow: [ { service_tokens: [a.access] } ]", "allow: [ { service_tokens: [\"*.access\"] } ]",
            ["the service token *.access may use it"]
        ),
        // A user is no service token.
        ("allow: [ { users: [\"*\"] } ]", "allow: [ { service_tokens: [a.access] } ]", ["a.access may use it"]),
        (
            "inject: { X-A: \"{token}\" }", "inject: { X-A: \"{token}\" }\n    guard: { reflection: off }",
            ["a token that its upstream gives back reaches callers: its guard is off"]
        ),
        (
            "inject: { X-A: \"{token}\" }\n    guard: { reflection: block }",
            "inject: { X-A: \"{token}\" }\n    guard: { websockets: pass }",
            ["websockets are let through, which are not searched for its token"]
        ),
        ("guard: { reflection: redact }", "guard: { reflection: off }", []),
        ("audience: [a]", "audience: [a, b]", ["assertions for the audience b are accepted"]),
        ("audience: [a, b]", "audience: [b]", []),
        ("authenticate: [access]", "authenticate: [access, bearer]", ["bearer credentials are accepted"]),
        ("protocol: mcp", "allow: []", []),
        ("upstream: http://a:1", "upstream: http://b:1", []),
    ])
    func `on one route`(old: String, new: String, expected: [String]) throws {
        let found = try Self.gains(of: old, new)
        #expect(found.count == expected.count, "\(found)")
        for (one, other) in zip(found, expected) { #expect(one.contains(other) && one.contains("route 'coda'")) }
    }

    @Test(arguments: [
        (
            ", deny: { users: [ana@x.de, bob@x.de] }", ", deny: { users: [bob@x.de] }",
            ["the user ana@x.de is denied no more"]
        ),
        (", deny: { users: [MÜLLER@x.de] }", ", deny: { users: [\"müller@*\"] }", []),
        (", deny: { subjects: [a], service_tokens: [b] }", "", ["service token b", "subject a"]),
        (", groups: { claim: a }, deny: { groups: [x] }", ", groups: { claim: a }", ["the group x is denied no more"]),
        (", groups: { claim: a }", ", groups: { claim: b }", ["groups are read from the claim b"]),
        (", groups: { claim: a }", "", []),
        (", max_token_age: 1h", "", ["assertions of any age are accepted"]),
        (", max_token_age: 1h", ", max_token_age: 2h", ["assertions up to 2h are accepted"]),
        ("", ", max_token_age: 2h, deny: { users: [\"*\"] }", []),
    ])
    func `on all routes`(old: String, new: String, expected: [String]) throws {
        let found = try Self.gains(
            Self.yaml(access: old, routes: Self.route()),
            Self.yaml(access: new, routes: Self.route())
        )
        #expect(found.count == expected.count, "\(found)")
        for (one, other) in zip(found, expected) { #expect(one.contains(other)) }
    }

    @Test func `a route that falls away gives its paths to the one above it`() throws {
        let open = "  - { name: all, host: x.de, audience: [aud], upstream: \"http://a:1\" }"
        let narrow = """
              - { name: admin, host: x.de, path: /admin, audience: [aud], upstream: "http://a:1", \
            allow: [ { users: [ana@x.de] } ] }
            """
        #expect(
            try Self.gains(Self.yaml(routes: "\(open)\n\(narrow)"), Self.yaml(routes: open)) == [
                "route 'all': everybody whom Access admits may use it: it has no 'allow' any more"
            ]
        )
        #expect(try Self.gains(Self.yaml(routes: open), Self.yaml(routes: "\(open)\n\(narrow)")).isEmpty)
        // The same where the one above is for any host.
        let anywhere = open.replacing("host: x.de", with: "host: \"*\"")
        #expect(try Self.gains(Self.yaml(routes: "\(anywhere)\n\(narrow)"), Self.yaml(routes: anywhere)).count == 1)
    }

    @Test func `a new route is access to something, and one that goes is not`() throws {
        let (one, two) = (Self.route("one"), Self.route("two", "allow: [ { users: [ana@x.de] } ]"))
        let both = Self.yaml(routes: "\(one)\n\(two)")
        let comparison = try AccessComparison(from: read(Self.yaml(routes: one)), to: read(both))
        #expect(comparison.gains.map(\.kind) == [.route])
        #expect(comparison.gains[0].words == "ana@x.de may use two.example.com/, which was not served")
        #expect(comparison.losses.isEmpty)
        let back = try AccessComparison(from: read(both), to: read(Self.yaml(routes: one)))
        #expect(back.gains.isEmpty && back.losses == comparison.gains)
        #expect(
            back.losses.map(\.asLoss) == [
                "route 'two': no more: ana@x.de may use two.example.com/, which was not served"
            ]
        )
    }

    @Test func `a name that changes is no gain`() throws {
        let old = Self.yaml(routes: Self.route("coda", "allow: [ { users: [ana@x.de] } ]"))
        #expect(try Self.gains(old, old.replacing("name: coda", with: "name: other")).isEmpty)
    }

    @Test func `calls that are looked at no more are a gain of whom they limited`() throws {
        let limited = "allow: [ { users: [ana@x.de], tools: [read] } ]"
        let old = Self.yaml(routes: Self.route("coda", limited))
        let new = Self.yaml(routes: Self.route("coda", limited, "protocol: http"))
        #expect(try AccessComparison(from: read(old), to: read(new)).gains.map(\.kind) == [.ungated])
    }

    @Test(arguments: [
        ("mcp: { paths: [/mcp] }", "mcp: { paths: [/mcp, /sse] }", ["route 'coda': the path /sse may be called"]),
        ("mcp: { paths: [/mcp] }", "protocol: mcp", ["route 'coda': every path may be called"]),
        ("mcp: { paths: [/mcp, /sse] }", "mcp: { paths: [/sse] }", []),
        (
            "cors: { origins: [\"https://a.example\"] }",
            "cors: { origins: [\"https://a.example\", \"https://b.example\"] }",
            ["route 'coda': pages of https://b.example may call it"]
        ),
    ])
    func `paths and pages are access`(old: String, new: String, gains: [String]) throws {
        #expect(try Self.gains(of: old, new) == gains)
    }

    @Test func `that a token is shared no more, or is from now on, is said`() throws {
        let stores = "{ phase1: { kind: sqlite, path: /tmp/g.db, master_keys: [{ file: /k }] } }"
        let shared = Self.yaml(routes: Self.route("coda", "inject: { X-Key: \"{token}\" }"))
            .replacing("{ phase1: { kind: env } }", with: stores)
        let personal = shared.replacing(
            "routes:",
            with: "tokens: { coda: { per: person, connect: { kind: paste, help: a page } } }\nroutes:"
        )
        #expect(
            try AccessComparison(from: read(shared), to: read(personal)).changes.map(\.words) == [
                "the token 'coda' is each person's own, where callers shared it"
            ]
        )
        #expect(
            try AccessComparison(from: read(personal), to: read(shared)).changes.map(\.words) == [
                "callers share the token 'coda', where each person had an own one"
            ]
        )
    }

    @Test func `what stands behind a route is said, and is no gain`() throws {
        func changes(_ old: String, _ new: String) throws -> [String] {
            let comparison = try AccessComparison(
                from: read(Self.yaml(routes: Self.route("coda", old))),
                to: read(Self.yaml(routes: Self.route("coda", new)))
            )
            #expect(comparison.gains.isEmpty && comparison.losses.isEmpty)
            return comparison.changes.map(\.description)
        }
        #expect(
            try changes("upstream: http://one:8080/x", "upstream: https://two") == [
                "route 'coda': its requests go to https://two, where they went to http://one:8080/x"
            ]
        )
        #expect(
            try changes("inject: { X-Key: \"{token}\" }", "inject: { X-Key: \"{token:admin}\" }") == [
                "route 'coda': its requests carry the token 'admin', where they carried the token 'coda'",
                "route 'coda': it sets X-Key otherwise",
            ]
        )
        #expect(
            try changes("protocol: mcp", "inject: { X-User: \"{email}\" }") == [
                "route 'coda': it sets X-User otherwise"
            ]
        )
        #expect(try changes("inject: { X-User: \"{email}\" }", "inject: { x-user: \"{email}\" }").isEmpty)
        #expect(try changes("timeouts: { connect: 1s }", "timeouts: { connect: 2s }").isEmpty)
    }

    @Test func `that nobody is asked any more is a gain`() throws {
        let old = Self.yaml(more: "reload: { widening: confirm }", routes: Self.route())
        #expect(
            try AccessComparison(from: read(old), to: read(Self.yaml(routes: Self.route()))).gains.map(\.kind) == [
                .unconfirmed
            ]
        )
    }
}
