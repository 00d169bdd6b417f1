import Foundation
import GatehouseTestSupport
import Testing

/// Tools that a server changes after they were approved, between the official SDKs' clients and servers: a list in two pages, over event streams.
@Suite("Pinned tools with the SDKs", .needsTools, .timeLimit(.minutes(10)))
struct PinTests {
    private static func routes(_ server: ChangingServer, _ mode: String) -> String {
        """
              - name: pinned
                host: "*"
                path: /pinned
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(server.url)
                mcp: { paths: [/] }
                inject: { X-Coda-Api-Key: "{token}" }
                pin: { tools: \(mode), refresh: 1h }

        """
    }

    private func gateway(_ server: ChangingServer, _ mode: String) async throws -> Instance {
        try await Instance.start(.sqlite, routes: Self.routes(server, mode), tokens: ["pinned": Instance.token])
    }

    private func steps(_ gateway: Instance, _ client: SDK, _ mode: MCPClient.Mode = .legacy) async throws -> JSON {
        try await ChangingServer.steps("\(gateway.url)/pinned", client, mode, assertion: gateway.assertion())
    }

    private func states(_ gateway: Instance) async throws -> [String: String] {
        let rows = try JSON(parsing: try await gateway.command("pins", "list", "pinned", "--json")).elements
        return Dictionary(rows.map { ($0["tool"].text ?? "", $0["state"].text ?? "") }) { first, _ in first }
    }

    private func expect(
        _ steps: JSON,
        open: Set<String>,
        _ why: Comment,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let names = ["steady", "shifting", "late"]
        #expect(
            steps["tools"].elements.map(\.text) == names.filter { open.contains($0) },
            why,
            sourceLocation: sourceLocation
        )
        for name in names {
            if open.contains(name) {
                #expect(steps[name].text == name, why, sourceLocation: sourceLocation)
            } else {
                #expect(steps[name]["error"]["code"].number == 4030, why, sourceLocation: sourceLocation)
                #expect(
                    steps[name]["error"]["data"]["reason"].text == "tool_unapproved",
                    why,
                    sourceLocation: sourceLocation
                )
            }
        }
    }

    /// Waits until requests go by what the store has.
    private func expectSoon(_ gateway: Instance, _ client: SDK, open: Set<String>, _ why: Comment) async throws {
        let names = ["steady", "shifting", "late"].filter { open.contains($0) }
        try await gateway.eventually {
            try await self.steps(gateway, client)["tools"].elements.map(\.text) == names
        }
        expect(try await steps(gateway, client), open: open, why)
    }

    @Test(arguments: SDK.allCases)
    func `a tool that changes after its approval is withheld, until it is as it was or approved anew`(
        server sdk: SDK
    ) async throws {
        let server = try await ChangingServer(sdk)
        let gateway = try await gateway(server, "approved")
        // Gatehouse has asked by itself, before any caller.
        try await gateway.eventually {
            try await self.states(gateway) == ["steady": "new", "shifting": "new", "late": "new"]
        }
        expect(try await steps(gateway, .one), open: [], "nothing is approved")
        _ = try await gateway.command("pins", "approve", "pinned")
        let all: Set<String> = ["steady", "shifting", "late"]
        try await expectSoon(gateway, .one, open: all, "all are approved")
        for (client, mode, _) in Pairing.all(with: sdk) {
            expect(try await steps(gateway, client, mode), open: all, "\(client) \(mode)")
        }

        // The rug is pulled: on the second page, and in text that nobody sees.
        try server.change(late: "Comes late.\\udb40\\udc73\\udb40\\udc65\\udb40\\udc6e\\udb40\\udc64")
        for (client, mode, _) in Pairing.all(with: sdk) {
            let steps = try await steps(gateway, client, mode)
            #expect(steps["tools"].elements.map(\.text) == ["steady", "shifting"], "\(client) \(mode)")
        }
        try await gateway.eventually {
            try await self.states(gateway) == ["steady": "approved", "shifting": "approved", "late": "changed"]
        }
        expect(try await steps(gateway, .two), open: ["steady", "shifting"], "late has changed")
        let difference = try await difference(gateway)
        #expect(
            difference.contains("- description: Comes late.\n+ description: Comes late.\\u{e0073}"),
            "\(difference)"
        )
        #expect(difference.contains("4 characters of the block of tags, which spell \"send\""), "\(difference)")
        let explained = try await explain(gateway, "late")
        #expect(explained.contains("deny: ") && explained.contains("(tool_unapproved)"), "\(explained)")
        let status = try JSON(parsing: try await gateway.command("status", "--json"))
        #expect(status["pins"].elements[0]["waiting"].elements.map { $0["tool"].text } == ["late"])
        #expect(status["findings"].elements.contains { $0["probe"].text == "pins" && $0["subject"].text == "pinned" })

        // Killed and started again, it goes by the same.
        gateway.process.send(signal: SIGKILL)
        _ = await gateway.process.exit()
        let second = try await gateway.next()
        expect(try await steps(gateway, .one), open: ["steady", "shifting"], "after the restart")

        // As it was; then changed again, rejected, and approved.
        try server.change()
        _ = try await gateway.command("pins", "refresh", "pinned")
        try await expectSoonAgain(gateway, second, open: all)
        try server.change(shifting: "Shifts elsewhere.")
        _ = try await gateway.command("pins", "refresh", "pinned")
        _ = try await gateway.command("pins", "reject", "pinned", "--by", "ann")
        #expect(try await states(gateway)["shifting"] == "rejected")
        try await expectSoonAgain(gateway, second, open: ["steady", "late"])
        _ = try await gateway.command("pins", "approve", "pinned", "shifting", "--by", "ann")
        try await expectSoonAgain(gateway, second, open: all)
        try await second.eventually {
            let rows = try JSON.rows(
                try await gateway.command("audit", "query", "--kind", "change", "--json", "--limit", "1000")
            ).flatMap { $0.elements.isEmpty ? [$0] : $0.elements }
            let changes = rows.compactMap { $0["change"].text }
            return changes.filter { $0 == "tool_approve" }.count == 4 && changes.contains("tool_reject")
                && changes.contains("tool_change")
        }
    }

    private func expectSoonAgain(_ gateway: Instance, _ process: ChildProcess, open: Set<String>) async throws {
        let names = ["steady", "shifting", "late"].filter { open.contains($0) }
        try await process.eventually {
            try await self.steps(gateway, .one)["tools"].elements.map(\.text) == names
        }
        expect(try await steps(gateway, .one), open: open, "\(open.sorted())")
    }

    @Test func `the first use approves each tool as it is seen first, and no change`() async throws {
        let server = try await ChangingServer(.two)
        let gateway = try await gateway(server, "first_use")
        try await expectSoon(gateway, .one, open: ["steady", "shifting", "late"], "seen first")
        try server.change(shifting: "Shifts all your files.")
        _ = try await gateway.command("pins", "refresh", "pinned")
        try await expectSoon(gateway, .two, open: ["steady", "late"], "shifting has changed")
    }

    @Test func `an approval by digest is of what was looked at alone, and forgotten tools are new again`()
        async throws
    {
        let server = try await ChangingServer(.two)
        let gateway = try await gateway(server, "approved")
        try await gateway.eventually { try await self.states(gateway)["shifting"] == "new" }
        let seen = try await digest(gateway, "shifting")

        // Between the look and the approval the upstream has changed it.
        try server.change(shifting: "Shifts all your files.")
        _ = try await gateway.command("pins", "refresh", "pinned")
        let refused = try await failing(gateway, ["pins", "approve", "pinned", "shifting", "--digest", seen])
        #expect(refused.contains("'shifting' has nothing to approve with this digest"), "\(refused)")
        #expect(try await states(gateway)["shifting"] == "new")
        let changed = try await digest(gateway, "shifting")
        #expect(changed != seen)
        _ = try await gateway.command("pins", "approve", "pinned", "shifting", "--digest", String(changed.prefix(8)))
        try await expectSoon(gateway, .two, open: ["shifting"], "approved by its digest")

        _ = try await gateway.command("pins", "forget", "pinned", "--yes", "--by", "ann")
        try await expectSoon(gateway, .two, open: [], "forgotten")
        _ = try await gateway.command("pins", "refresh", "pinned")
        #expect(try await states(gateway) == ["steady": "new", "shifting": "new", "late": "new"])
        try await gateway.eventually {
            try await gateway.command("audit", "query", "--kind", "change", "--json").contains("\"pins_forget\"")
        }
    }

    /// As `pins diff` prints it.
    private func digest(_ gateway: Instance, _ tool: String) async throws -> String {
        let shown = try await failing(gateway, ["pins", "diff", "pinned", tool])
        return try #require(shown.firstMatch(of: #/[0-9a-f]{8,}/#).map { String($0.output) }, "\(shown)")
    }

    private func failing(_ gateway: Instance, _ arguments: [String]) async throws -> String {
        let process = try ChildProcess(
            Tools.gatehouse,
            arguments + ["--config", gateway.configuration],
            environment: Instance.environment
        )
        process.closeInput()
        #expect(await process.exit() == .code(1))
        return await process.output.whole + process.errors.whole
    }

    private func difference(_ gateway: Instance) async throws -> String {
        try await failing(gateway, ["pins", "diff", "pinned"])
    }

    private func explain(_ gateway: Instance, _ tool: String) async throws -> String {
        try await failing(gateway, ["explain", "--route", "pinned", "--email", Instance.user, "--tool", tool])
    }
}
