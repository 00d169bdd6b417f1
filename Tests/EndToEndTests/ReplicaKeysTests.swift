import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Two processes of one store, of which one is restarted for a new master key and the other reads its file again.
@Suite("Sessions of replicas", .needsTools, .timeLimit(.minutes(5)))
struct ReplicaKeysTests {
    @Test func `follow a change of the master key by reload, and end with it`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["one-1a"], set: "one-1a")
        let folder = fixture.folder.path
        let yaml = try String(contentsOfFile: "\(folder)/gatehouse.yaml", encoding: .utf8)
        let old = "{ file: \(folder)/key }"
        func other(_ text: String) -> String {
            text.replacing("\(folder)/gateway.sock", with: "\(folder)/other.sock")
                .replacing("\(folder)/admin.sock", with: "\(folder)/other-admin.sock")
                .replacing("\(folder)/spool", with: "\(folder)/other-spool")
        }
        try fixture.folder.write(other(yaml), to: "other.yaml")
        let replica = try ChildProcess(Tools.gatehouse, ["serve", "--config", "\(folder)/other.yaml"])
        try await replica.eventually { (try? await fixture.call(to: "other.sock"))?.status == 200 }

        let first = try #require(try await fixture.call().header("mcp-session-id"))
        #expect(try await fixture.call(to: "other.sock", session: first).status == 200)

        let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder)/next"])
        #expect(await key.exit() == .code(0))
        let both = yaml.replacing(old, with: "{ file: \(folder)/next }, \(old)")
        try fixture.folder.write(both, to: "gatehouse.yaml")
        try fixture.folder.write(other(both), to: "other.yaml")
        replica.send(signal: SIGHUP)
        fixture.process.send(signal: SIGTERM)
        #expect(await fixture.process.exit() == .code(0))
        let restarted = try await fixture.restart()

        // Made by the one that was restarted, under the new key.
        let second = try #require(try await fixture.call().header("mcp-session-id"))
        #expect(second != first)
        try await replica.eventually { try await fixture.call(to: "other.sock", session: second).status == 200 }
        // The sessions of before go on.
        #expect(try await fixture.call(session: first).status == 200)

        _ = try await fixture.command("key", "rotate")
        for socket in ["gateway.sock", "other.sock"] {
            try await restarted.eventually { try await fixture.call(to: socket, session: first).status == 404 }
            #expect(try await fixture.call(to: socket, session: second).status == 200)
        }
    }
}

extension CurlResponse {
    fileprivate func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}
