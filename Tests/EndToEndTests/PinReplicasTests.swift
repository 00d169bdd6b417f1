import Foundation
import GatehouseTestSupport
import Testing

/// Two instances on one PostgreSQL that hold the tools of one server to the same approvals.
@Suite("Pinned tools at two instances", .needsTools, .needsPostgres, .timeLimit(.minutes(5)))
struct PinReplicasTests {
    private final class Fixture: Sendable {
        // Before the folder, because they are released before it.
        let instances: [(process: ChildProcess, url: String)]
        let folder: Tools.Folder
        let server: ChangingServer
        let postgres: PostgresServer
        private let certs: CertsServer
        private let issuer = TestIssuer()

        init() async throws {
            folder = try Tools.Folder()
            postgres = try await PostgresServer.start()
            certs = try await CertsServer.start(folder, [issuer.key])
            server = try await ChangingServer(.two)
            let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
            #expect(await key.exit() == .code(0))
            var instances: [(ChildProcess, String)] = []
            for name in ["one", "two"] {
                let yaml = { [folder, certs, server, postgres] in
                    Self.yaml(name, $0, folder.path, certs.url, server.url, postgres.url)
                }
                instances.append(try await Self.start(name, folder, yaml))
            }
            self.instances = instances
        }

        private static func start(
            _ name: String,
            _ folder: Tools.Folder,
            _ yaml: (Int) -> String
        ) async throws -> (ChildProcess, String) {
            var failure = ""
            // A port that was free may be taken before the process binds it.
            for _ in 0..<5 {
                let port = try Instance.freePort()
                try folder.write(yaml(port), to: "\(name).yaml")
                if name == "one" { _ = try await run(["token", "set", "pinned"], in: folder, input: Instance.token) }
                let process = try ChildProcess(
                    Tools.gatehouse,
                    ["serve", "--config", "\(folder.path)/\(name).yaml"],
                    environment: Instance.environment
                )
                let isReady = await Instance.isReady(process, socket: "\(folder.path)/\(name)-admin.sock")
                if isReady { return (process, "http://127.0.0.1:\(port)/pinned") }
                failure = await process.errors.whole
            }
            throw ChildProcess.Failure(description: "gatehouse does not become ready: \(failure)")
        }

        private static func yaml(
            _ name: String,
            _ port: Int,
            _ folder: String,
            _ certs: String,
            _ server: String,
            _ postgres: String
        ) -> String {
            """
            version: 1
            listen: 127.0.0.1:\(port)
            admin: unix:\(folder)/\(name)-admin.sock
            access: { issuer: \(TestIssuer.defaultIssuer), certs_url: "\(certs)" }
            stores:
              kept: { kind: postgres, url: "\(postgres)", master_keys: [ { file: \(folder)/key } ] }
            store: kept
            audit: { spool: \(folder)/\(name)-spool, sink: { kind: none } }
            routes:
              - name: pinned
                host: "*"
                path: /pinned
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(server)
                mcp: { paths: [/] }
                inject: { X-Coda-Api-Key: "{token}" }
                allow: [ { users: ["*@example.com"], tools: ["*"] } ]
                pin: { tools: approved, refresh: 1h }

            """
        }

        func run(_ arguments: String...) async throws -> String { try await Self.run(arguments, in: folder) }

        @discardableResult
        private static func run(
            _ arguments: [String],
            in folder: Tools.Folder,
            input: String? = nil
        ) async throws -> String {
            let process = try ChildProcess(
                Tools.gatehouse,
                arguments + ["--config", "\(folder.path)/one.yaml"],
                environment: Instance.environment
            )
            if let input { try process.write(input) }
            process.closeInput()
            guard await process.exit() == .code(0) else {
                throw ChildProcess.Failure(description: "\(arguments) failed: \(await process.errors.whole)")
            }
            return await process.output.whole
        }

        func steps(_ instance: Int) async throws -> JSON {
            let assertion = issuer.user(Instance.user, now: Int64(Date.now.timeIntervalSince1970), lasting: 3600)
            return try await ChangingServer.steps(instances[instance].url, .two, .legacy, assertion: assertion)
        }

        /// Waits until an instance lists these tools alone, and expects that the others cannot be called there.
        func expectSoon(_ instance: Int, _ open: [String], _ why: Comment) async throws {
            do {
                try await instances[instance].process.eventually {
                    try await steps(instance)["tools"].elements.map(\.text) == open
                }
            } catch {
                Issue.record("\(error): \(why), at the instance \(instance): \(try await steps(instance))")
                throw error
            }
            let answers = try await steps(instance)
            for name in ["steady", "shifting", "late"] where !open.contains(name) {
                #expect(answers[name]["error"]["data"]["reason"].text == "tool_unapproved", why)
            }
            for name in open { #expect(answers[name].text == name, why) }
        }
    }

    @Test
    func `what one instance sees and an operator approves counts at the other, which fetches no list for an hour`()
        async throws
    {
        let fixture = try await Fixture()
        for instance in 0..<2 { try await fixture.expectSoon(instance, [], "nothing is approved") }
        _ = try await fixture.run("pins", "approve", "pinned", "--by", "ann")
        let all = ["steady", "shifting", "late"]
        for instance in 0..<2 { try await fixture.expectSoon(instance, all, "approved once, for both") }

        // The rug is pulled, and only the first instance is asked for the list.
        try fixture.server.change(shifting: "Shifts all your files.")
        let seen = try await fixture.steps(0)
        #expect(seen["tools"].elements.map(\.text) == ["steady", "late"])
        #expect(seen["shifting"]["error"]["data"]["reason"].text == "tool_unapproved")
        // The second one did not list it: a call there must fail as soon as it has read what the first one has kept.
        try await fixture.instances[1].process.eventually {
            try JSON(parsing: try await fixture.run("pins", "list", "pinned", "--json")).elements
                .contains { $0["tool"].text == "shifting" && $0["state"].text == "changed" }
        }
        try await fixture.expectSoon(1, ["steady", "late"], "seen by the other instance")
        _ = try await fixture.run("pins", "approve", "pinned", "shifting", "--by", "ann")
        for instance in 0..<2 { try await fixture.expectSoon(instance, all, "approved as it is now") }

        // Without the database, what is known goes on, and a change is withheld all the same.
        try await fixture.postgres.crash()
        for instance in 0..<2 { try await fixture.expectSoon(instance, all, "the database is down") }
        try fixture.server.change(shifting: "Shifts all your files.", late: "Comes never.")
        for instance in 0..<2 {
            try await fixture.expectSoon(instance, ["steady", "shifting"], "the database is down")
        }
        try await fixture.postgres.start()
        try fixture.server.change(shifting: "Shifts all your files.")
        for instance in 0..<2 { try await fixture.expectSoon(instance, all, "the database is back") }
    }
}
