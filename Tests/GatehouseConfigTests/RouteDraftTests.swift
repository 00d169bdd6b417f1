import Foundation
@testable import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct ARouteThatIsAdded {
    private var draft: RouteDraft {
        var draft = RouteDraft(name: "new", host: "new.example.com", audiences: ["aud"], upstream: "http://new:1")
        draft.inject = [("X-Key", "{token}")]
        return draft
    }

    private let written = [
        "- name: new", "  host: new.example.com", "  audience: [aud]", "  upstream: http://new:1", "  inject:",
        "    X-Key: \"{token}\"",
    ]

    private func added(_ text: String) throws -> String {
        String(
            decoding: try draft.added(to: Array(text.utf8), file: "gatehouse.yaml", environment: [:]).text,
            as: UTF8.self
        )
    }

    private func lines(_ margin: Int) -> String {
        written.map { String(repeating: " ", count: margin) + $0 + "\n" }.joined()
    }

    @Test func `stands at the end of a file that ends with its routes`() throws {
        #expect(try added(minimal) == minimal.trimmingCharacters(in: .newlines) + "\n" + lines(2))
    }

    @Test func `stands between the routes and what follows, comments where they were`() throws {
        let head = "version: 1\naccess: { team: example } # theirs\nstores: { phase1: { kind: env } }\nroutes:\n"
        let one =
            "# before\n- name: one\n  host: one.example.com # here\n  audience: [a]\n  upstream: http://one:1\n  # of one\n"
        let tail = "\n# about the refresh\nstore_refresh: 10s\n"
        #expect(try added(head + one + tail) == head + one + lines(0) + tail)
    }

    @Test func `is spaced as the others are`() throws {
        let two = """
              - name: two
                host: two.example.com
                audience: [a]
                upstream: http://two:1

            """
        let spaced = minimal.trimmingCharacters(in: .newlines) + "\n\n" + two
        #expect(try added(spaced) == spaced + "\n" + lines(2))
    }

    @Test func `needs no newline at the end`() throws {
        let bare = minimal.trimmingCharacters(in: .newlines)
        #expect(try added(bare) == bare + "\n" + lines(2))
    }

    @Test func `is not put into a file that is laid out in braces`() {
        let text = """
            version: 1
            access: { team: example }
            audit: { sink: { kind: none } }
            stores: { phase1: { kind: env } }
            routes: [{ name: one, host: one.example.com, audience: [a], upstream: "http://one:1" }]
            """
        #expect(throws: ConfigurationError.self) { try added(text) }
    }

    @Test func `is not put into a file that is bad, nor makes one bad`() throws {
        #expect(throws: ConfigurationError.self) { try added(minimal + "nonsense: 1\n") }
        let taken = minimal("name: new", instead: "name: coda")
        #expect(throws: ConfigurationError.self) { try added(taken) }
    }

    @Test func `cannot bring structure in by its values`() throws {
        var hostile = draft
        hostile.inject = [("X-Key", "a\"\n  evil: {token}")]
        #expect(throws: ConfigurationError.self) {
            try hostile.added(to: Array(minimal.utf8), file: "gatehouse.yaml", environment: [:])
        }
    }

    @Test func `says all that it was given`() throws {
        var full = draft
        full.path = "/mcp"
        full.speech = "http"
        full.audiences = ["${AUD:-one}", "two"]
        full.stripHeaders = ["X-New-*"]
        full.stripQuery = ["key"]
        full.allowedUsers = ["*@example.com"]
        let result = try full.added(to: Array(minimal.utf8), file: "gatehouse.yaml", environment: [:])
        let route = try #require(result.configuration.routes.routes.first { $0.name.text == "new" })
        #expect(route.path.text == "/mcp" && route.speech == .http && route.audiences == ["one", "two"])
        #expect(route.strip.headers.map(\.folded) == ["x-new-"] && route.strip.query == ["key"])
        #expect(route.policy.grants?.first?.users.map(\.pattern) == ["*@example.com"])
        #expect(result.lines.joined().contains("${AUD:-one}"))
    }
}
