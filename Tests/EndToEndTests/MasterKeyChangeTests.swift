import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// docs/MIGRATION.md, "Changing the master key", step by step.
@Suite("A change of the master key", .needsTools, .needsPostgres, .timeLimit(.minutes(5)))
struct MasterKeyChangeTests {
    @Test(arguments: ["sqlite", "postgres"])
    func `leaves the audit as it was, for good`(store: String) async throws {
        let database = store == "postgres" ? try await PostgresServer.start() : nil
        let fixture = try await TokenFixture.start(store: store, postgres: database, tokens: ["one-1a"], set: "one-1a")
        try await fixture.eventually { try await fixture.call().status == 200 }
        let file = "\(fixture.folder.path)/gatehouse.yaml"
        func edit(_ change: (String) -> String) throws {
            try fixture.folder.write(change(try String(contentsOfFile: file, encoding: .utf8)), to: "gatehouse.yaml")
        }
        let old = "{ file: \(fixture.folder.path)/key }"
        let new = "{ file: \(fixture.folder.path)/key-2027 }"

        // 1. The new key first, the old one behind it, and a restart.
        let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(fixture.folder.path)/key-2027"])
        #expect(await key.exit() == .code(0))
        try edit { $0.replacingOccurrences(of: old, with: "\(new), \(old)") }
        var log = try await stop(fixture.process)
        var serving = try await fixture.restart()
        try await serving.eventually { try await fixture.call().status == 200 }

        // 2. Re-wrap.
        let said = try await fixture.command("key", "rotate", "--store", store)
        #expect(said.contains("rows re-wrapped, 0 were under the first key already"))
        try await serving.eventually { try await fixture.call().status == 200 }

        // 3. Take the old key out, and restart.
        try edit { $0.replacingOccurrences(of: "\(new), \(old)", with: new) }
        try FileManager.default.removeItem(atPath: "\(fixture.folder.path)/key")
        log += try await stop(serving)
        serving = try await fixture.restart()
        try await serving.eventually { try await fixture.call().status == 200 }
        log += try await stop(serving)

        let list = try await fixture.command("token", "list")
        #expect(list.contains("coda  1") && !list.contains("master key"))
        try fixture.folder.write(log, to: "heads.log")
        let verdict = try await fixture.command("audit", "verify", "--heads", "\(fixture.folder.path)/heads.log")
        #expect(verdict.contains("  ok  ") && !verdict.contains("BROKEN"))
        #expect(verdict.contains("heads agree") || verdict.contains("1 head agrees"))
        #expect(!verdict.contains("nothing proves"))
    }

    /// - Returns: the log.
    private func stop(_ process: ChildProcess) async throws -> String {
        process.send(signal: SIGTERM)
        #expect(await process.exit() == .code(0))
        return await process.errors.whole
    }
}
