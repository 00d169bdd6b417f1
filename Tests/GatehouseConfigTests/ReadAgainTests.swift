import GatehouseConfig
import GatehouseCore
import Testing

/// A file that is read after another one: routes whose text did not change are taken over.
@Suite struct ReadAgainTests {
    private static let head = """
        version: 1
        access: { team: example }
        stores: { phase1: { kind: env } }
        threads: 2
        """

    private static func route(_ name: String, audience: String = audienceTag, _ more: String = "") -> String {
        """
          - name: \(name)
            host: \(name).example.com
            audience: [\(audience)]
            upstream: http://\(name)-mcp:8080
        \(more.isEmpty ? "" : "    \(more)\n")
        """
    }

    private static func text(_ more: String = "", _ routes: String...) -> String {
        "\(head)\n\(more)\nroutes:\n\(routes.joined())"
    }

    private func again(_ text: String, _ former: Configuration, _ environment: Environment = [:])
        throws(ConfigurationError) -> Configuration
    {
        try Configuration(parsing: text.utf8, file: "gatehouse.yaml", environment: environment, after: former)
    }

    /// Whether the route of a name is the same object in both.
    private func isTaken(_ name: String, _ one: Configuration, _ other: Configuration) -> Bool {
        let routes = [one, other].map { $0.routes.routes.first { $0.name.text == name } }
        return routes[0] != nil && routes[0] === routes[1]
    }

    @Test func `a route is taken over wherever its text stands, and read where that changed`() throws {
        let first = try read(Self.text("", Self.route("one"), Self.route("two"), Self.route("three")))
        let second = try again(
            Self.text(
                "# a line more",
                Self.route("three"),
                Self.route("two", "preserve_host: true"),
                Self.route("one")
            ),
            first
        )
        #expect(isTaken("one", first, second) && isTaken("three", first, second) && !isTaken("two", first, second))
        #expect(second.routes.routes.map(\.name.text) == ["three", "two", "one"])
        #expect(second.routes.routes[1].preservesHost)
        // And once more after that.
        let third = try again(Self.text("", Self.route("two", "preserve_host: true"), Self.route("one")), second)
        #expect(isTaken("one", first, third) && isTaken("two", second, third))
        #expect(
            third.effective
                == (try read(Self.text("", Self.route("two", "preserve_host: true"), Self.route("one")))).effective
        )
    }

    @Test func `its warnings stand where it stands now`() throws {
        let doubtful = Self.route("two", audience: "aud") + "    allow: []\n"
        let first = try read(Self.text("", doubtful, Self.route("one")))
        let moved = Self.text("# a\n# b", Self.route("one"), doubtful)
        let second = try again(moved, first)
        #expect(isTaken("two", first, second) && second.warnings.count == 2)
        #expect(second.warnings == (try read(moved)).warnings)
        // Doubts hold under Access alone.
        let elsewhere = moved.replacing("team: example", with: "issuer: \"https://login.example.com\"")
        let third = try again(elsewhere, second)
        #expect(third.warnings == (try read(elsewhere)).warnings && third.warnings.count == 1)
    }

    @Test func `routes are compared with each other, taken over or not`() throws {
        let first = try read(Self.text("", Self.route("one"), Self.route("two")))
        let twice = Self.text("", Self.route("one"), Self.route("one"))
        #expect {
            try again(twice, first)
        } throws: {
            ($0 as? ConfigurationError)?.diagnostics == problems(twice)
        }
    }

    @Test func `a route that names a variable is read anew`() throws {
        let text = Self.text("", Self.route("one", audience: "\"${AUD}\""))
        let first = try read(text, ["AUD": "before"])
        let second = try again(text, first, ["AUD": "after"])
        #expect(second.routes.routes[0].audiences == ["after"])
    }

    @Test func `so is one that names it by an escape`() throws {
        let text = Self.text("", Self.route("one", audience: #""\x24{AUD}""#), Self.route("two", audience: "a$b"))
        let first = try read(text, ["AUD": "before"])
        let second = try again(text, first, ["AUD": "after"])
        #expect(second.routes.routes[0].audiences == ["after"])
        #expect(isTaken("two", first, second))
    }

    @Test func `a warning about what brackets hold is marked up to the bracket that is there now`() throws {
        func text(_ blanks: String) -> String {
            Self.text("", Self.route("one", "allow: [{ users: [\"*\"], tools: [x]\(blanks)}\(blanks)]"))
        }
        let first = try read(text(" "))
        let second = try again(text("    "), first)
        #expect(second.warnings == (try read(text("    "))).warnings && second.warnings.count == 1)
        #expect(isTaken("one", second, try again("# a comment\n" + text("    "), second)))
    }

    @Test func `a tag that another file defines otherwise is read anew`() throws {
        let text = Self.text("", Self.route("one", audience: "!!str 5"))
        let other = "%TAG !! tag:example.com,2026:\n---\n" + text
        let first = try read(text)
        #expect {
            try again(other, first)
        } throws: {
            ($0 as? ConfigurationError)?.diagnostics == problems(other)
        }
    }

    @Test func `what a file does not have any more is not kept`() throws {
        final class Former { weak var route: Route? }
        var last = try read(Self.text("", Self.route("one"), Self.route("two", "limits: { body: 1KiB }")))
        let one = last.routes.routes[0]
        for size in 2...20 {
            let former = Former()
            former.route = last.routes.routes[1]
            last = try again(Self.text("", Self.route("one"), Self.route("two", "limits: { body: \(size)KiB }")), last)
            #expect(former.route == nil && last.routes.routes[0] === one)
        }
    }

    @Test func `the same bytes in another column are read anew`() throws {
        let first = try read(Self.text("", Self.route("one")))
        let indented = Self.route("one").replacing("\n    ", with: "\n      ").replacing("  - name", with: "  -   name")
        let second = try again(Self.text("", indented), first)
        #expect(!isTaken("one", first, second) && second.effective == first.effective)
    }

    @Test func `what a byte order mark shifts is found`() throws {
        let first = try read("\u{FEFF}" + Self.text("", Self.route("one"), Self.route("two")))
        let second = try again(Self.text("", Self.route("two")), first)
        #expect(isTaken("two", first, second))
        let third = try again("\u{FEFF}" + Self.text("", Self.route("two")), second)
        #expect(isTaken("two", first, third))
    }

    @Test func `a token that becomes each person's own is a change of routes that did not change`() throws {
        let stores = "{ phase1: { kind: sqlite, path: /tmp/g.db, master_keys: [{ file: /k }] } }"
        let shared = Self.text("", Self.route("one", "inject: { X-Key: \"{token}\" }"))
            .replacing("{ phase1: { kind: env } }", with: stores)
        let first = try read(shared)
        let personal = "tokens: { one: { per: person, connect: { kind: paste, help: a page } } }\nroutes:"
        let second = try again(shared.replacing("routes:", with: personal), first)
        #expect(isTaken("one", first, second))
        let changes = AccessComparison(from: first, to: second).changes
        #expect(changes.map(\.words) == ["the token 'one' is each person's own, where callers shared it"])
    }
}
