import GatehouseConfig
import GatehouseCore
import Testing

/// A route's `guard`: its defaults follow from the rest of the route.
@Suite struct GuardTests {
    private static let inject = "inject: { X-Wiki-Api-Key: \"{token}\" }"

    @Test(arguments: [
        // The file of an earlier release, with and without a token, and for plain HTTP.
        (inject, "protocol: mcp", Reflection.redact, false),
        (inject, "protocol: http", .redact, true),
        ("inject: { X-Who: \"{email}\" }", "protocol: mcp", .off, true),
        (inject, "guard: {}", .redact, false),
        (inject, "guard: { reflection: off }", .off, true),
        (inject, "guard: { reflection: block }", .block, false),
        (inject, "guard: { websockets: pass }", .redact, true),
        (inject, "guard: { reflection: off, websockets: refuse }", .off, false),
        (inject, "protocol: http\n    guard: { reflection: redact }", .redact, false),
        (inject, "protocol: http\n    guard: { websockets: refuse }", .redact, false),
        (inject, "protocol: http\n    guard: { reflection: block, websockets: pass }", .block, true),
    ])
    func `what is left out follows from the rest`(
        inject: String,
        line: String,
        reflection: Reflection,
        takesWebSockets: Bool
    ) throws {
        let text = minimal(inject, instead: Self.inject) + "    \(line)\n"
        let configuration = try read(text)
        let route = configuration.routes.routes[0]
        #expect(route.reflection == reflection)
        #expect(route.takesWebSockets == takesWebSockets)
        // The effective file says it in words, and reads back as the same.
        let again = try read(configuration.effective).routes.routes[0]
        #expect(again.reflection == reflection)
        #expect(again.takesWebSockets == takesWebSockets)
    }

    @Test(arguments: [
        ("guard: { reflection: redacted }", "'redacted' is not one of redact, block, off"),
        ("guard: { websockets: true }", "one of pass, refuse is wanted, not a truth value"),
        ("guard: { reflexion: off }", "unknown key 'reflexion' in guard"),
        ("guard: redact", "guard is wanted, not a single value"),
    ])
    func `a wrong word is one error`(line: String, message: String) {
        #expect(problems(minimal(route: line)).map(\.message) == [message])
    }

    @Test func `a route that needs both is told of`() throws {
        let both = try read(minimal(route: "guard: { websockets: pass }")).warnings
        #expect(
            both.map(\.message) == [
                "websockets of this route are not looked at: an upstream that repeats its headers in one gives the token away"
            ]
        )
        #expect(try read(minimal(route: "protocol: http")).warnings.isEmpty)
    }

    @Test func `a guard without anything to guard is told of`() throws {
        let text =
            minimal("inject: { X-Who: \"{email}\" }", instead: Self.inject) + "    guard: { reflection: block }\n"
        #expect(
            try read(text).warnings.map(\.message) == [
                "this route injects no token, so there is nothing to look for in its answers"
            ]
        )
    }
}
