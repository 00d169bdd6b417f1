import GatehouseConfig
import GatehouseCore
import Testing

/// `pin` on a route: what it needs, what is wrong with it, and what its change gives to callers.
@Suite struct PinFieldTests {
    private static func yaml(
        _ keys: String...,
        store: String = "kind: sqlite, path: /v/g.db, master_keys: [{ file: /k }]"
    )
        -> String
    {
        """
        version: 1
        access: { team: example }
        stores: { kept: { \(store) } }
        routes:
          - name: coda
            host: coda.example.com
            audience: [\(audienceTag)]
            upstream: http://127.0.0.1:8080
            mcp: { paths: [/mcp] }
        \(keys.map { "    \($0)" }.joined(separator: "\n"))

        """
    }

    @Test func `a pin is read, with its store`() throws {
        let configuration = try read(Self.yaml("pin: { tools: first_use, refresh: 90s }"))
        let route = configuration.routes.routes[0]
        #expect(route.pin == ToolPinning(.firstUse, refresh: .seconds(90)))
        #expect(route.policy.pinsTools)
        #expect(configuration.state?.name.text == "kept")
        #expect(configuration.warnings.isEmpty)
        let usual = try read(Self.yaml("pin: { tools: approved }"))
        #expect(usual.routes.routes[0].pin == ToolPinning(.approved, refresh: .seconds(300)))
        #expect(usual.effective.contains("refresh: 5m"))
        let none = try read(Self.yaml("preserve_host: false"))
        #expect(none.routes.routes[0].pin == nil && !none.routes.routes[0].policy.pinsTools)
        // Deny entries may be kept there.
        #expect(none.state?.name.text == "kept")
        #expect(try read(Self.yaml("preserve_host: false", store: "kind: env")).state == nil)
    }

    @Test(arguments: [
        ("pin: approved", "pin"), ("pin: { refresh: 5m }", "'tools' is missing"), ("pin: { tools: all }", "'all'"),
        ("pin: { tools: approved, refresh: 1s }", "'1s' is not a duration from 10s to"),
        ("pin: { tools: approved, prompts: approved }", "unknown key 'prompts'"),
    ])
    func `a wrong pin is an error`(key: String, message: String) {
        let found = problems(Self.yaml(key))
        #expect(found.count == 1 && found[0].message.contains(message), "\(found)")
    }

    @Test func `a pin needs a store that seals, and a route of MCP`() {
        let unsealed = problems(Self.yaml("pin: { tools: approved }", store: "kind: env"))
        #expect(
            unsealed.map(\.message) == [
                "pins are kept in a store of kind sqlite or postgres, and the live one is of kind env"
            ]
        )
        #expect(unsealed.first?.hint?.contains("kind: sqlite") == true)
        let http = problems(
            Self.yaml("pin: { tools: approved }").replacing("mcp: { paths: [/mcp] }", with: "protocol: http")
        )
        #expect(http.map(\.message) == ["'pin' holds tools of MCP, and this route speaks http"])
    }

    @Test func `a pin without endpoints, or with personal tokens, is warned of`() throws {
        let open = try read(Self.yaml("pin: { tools: approved }").replacing("    mcp: { paths: [/mcp] }\n", with: ""))
        #expect(open.warnings.count == 1 && open.warnings[0].message.hasPrefix("pins limit what is called over MCP"))
        let personal =
            "tokens: { coda: { per: person, connect: { kind: paste, help: x } } }\n"
            + Self.yaml("pin: { tools: approved }", "inject: { X-Key: \"{token}\" }")
        #expect(try read(personal).warnings.contains { $0.message.contains("each person's own") })
    }

    @Test(arguments: [
        ("pin: { tools: approved }", "preserve_host: false", "it has no 'pin' any more"),
        ("pin: { tools: approved }", "pin: { tools: first_use }", "its pin is first_use"),
        ("pin: { tools: first_use }", "pin: { tools: approved }", nil),
        ("preserve_host: false", "pin: { tools: approved }", nil),
        ("pin: { tools: approved }", "pin: { tools: approved, refresh: 1h }", nil),
    ])
    func `a pin that goes or is loosened is a gain`(old: String, new: String, gain: String?) throws {
        let comparison = AccessComparison(from: try read(Self.yaml(old)), to: try read(Self.yaml(new)))
        #expect(comparison.gains.count == (gain == nil ? 0 : 1), "\(comparison.gains)")
        if let gain { #expect(comparison.gains[0].description.contains(gain) && comparison.gains[0].kind == .unpinned) }
    }
}
