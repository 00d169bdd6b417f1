import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Stores that others write: a token that they change is sent without a restart, and what befalls them fails no call.
@Suite("Stores that others write", .needsTools, .timeLimit(.minutes(5)))
struct ForeignStoreTests {
    /// Calls meanwhile, without a pause, and finds none that failed.
    private func whileCalling(_ fixture: TokenFixture, _ body: () async throws -> Void) async throws {
        let client = Task { await fixture.loop() }
        defer { client.cancel() }
        try await body()
        let made = fixture.made
        #expect(made.failures.isEmpty, "\(made.failures.count) of \(made.count): \(made.failures.first ?? "")")
        #expect(made.count > 5)
    }

    private func arrives(_ token: String, _ fixture: TokenFixture) async throws {
        try await fixture.eventually { fixture.sent == token }
    }

    /// What was read last is served, and said to be old.
    private func isStale(_ fixture: TokenFixture) async throws {
        try await fixture.eventually {
            try await fixture.admin("/metrics").body.text.contains("gatehouse_tokens_stale 1")
        }
        #expect(try await fixture.admin("/readyz").status == 200)
    }

    // MARK: file

    /// A volume of Kubernetes: `coda` is a link into `..data`, which is a link to a folder of this version.
    private func mount(_ value: String, as version: String, in volume: String) throws {
        let manager = FileManager.default
        try manager.createDirectory(atPath: "\(volume)/\(version)", withIntermediateDirectories: true)
        try Data("\(value)\n".utf8).write(to: URL(fileURLWithPath: "\(volume)/\(version)/coda"))
        try manager.createSymbolicLink(atPath: "\(volume)/..data_tmp", withDestinationPath: version)
        try #require(rename("\(volume)/..data_tmp", "\(volume)/..data") == 0)
        if !manager.fileExists(atPath: "\(volume)/coda") {
            try manager.createSymbolicLink(atPath: "\(volume)/coda", withDestinationPath: "..data/coda")
        }
    }

    @Test func `a volume whose links are turned to the next version, and that goes for a moment`() async throws {
        let fixture = try await TokenFixture.start(
            store: "mounted",
            stores: { folder in
                try mount("file-1a", as: "..2026_1", in: "\(folder.path)/volume")
                return "  mounted: { kind: file, path: \(folder.path)/volume }\n"
            },
            tokens: ["file-1a", "file-2b", "file-3c"]
        )
        let volume = "\(fixture.folder.path)/volume"
        try await whileCalling(fixture) {
            try await arrives("file-1a", fixture)
            try mount("file-2b", as: "..2026_2", in: volume)
            try FileManager.default.removeItem(atPath: "\(volume)/..2026_1")
            try await arrives("file-2b", fixture)
            try #require(rename(volume, "\(volume).away") == 0)
            try await isStale(fixture)
            try await fixture.eventually { fixture.process.errors.text.contains("volume cannot be read") }
            try mount("file-3c", as: "..2026_3", in: "\(volume).away")
            try #require(rename("\(volume).away", volume) == 0)
            try await arrives("file-3c", fixture)
        }
        #expect(!fixture.process.errors.text.contains("file-1a"))
    }

    // MARK: exec

    @Test func `a program that fails in every way, and then prints the next token`() async throws {
        let fixture = try await TokenFixture.start(
            store: "printed",
            stores: { folder in
                try folder.write("printf 'exec-1a\\r\\n'", to: "script")
                return """
                      printed: { kind: exec, command: [/bin/sh, "\(folder.path)/script", "{token}"], cache: 0s }

                    """
            },
            tokens: ["exec-1a", "exec-2b", "exec-3c"]
        )
        let folder = fixture.folder
        func runs() -> Int { (try? String(contentsOfFile: "\(folder.path)/runs", encoding: .utf8))?.count ?? 0 }
        /// Has the program be this, and waits until the instance has run it.
        func becomes(_ script: String) async throws {
            let before = runs()
            try folder.write("printf x >>\(folder.path)/runs; \(script)", to: "script")
            try await fixture.eventually { runs() > before }
        }
        try await whileCalling(fixture) {
            try await arrives("exec-1a", fixture)
            for (script, words) in [
                ("echo exec-2b; exit 1", "ended with the status 1"), ("yes exec-2b", "more than 65536 bytes"),
                ("printf 'exec-2b\\nexec-2b\\n'", "control character"), ("true", "is empty"),
            ] {
                try await becomes(script)
                try await isStale(fixture)
                #expect(try await fixture.command("token", "list").contains(words))
            }
            // It leaves something behind, which ends with it.
            try await becomes("sleep 600 >/dev/null 2>&1 & echo $! >\(folder.path)/pid; echo exec-2b >&2; echo exec-2b")
            try await arrives("exec-2b", fixture)
            let pid = try String(contentsOfFile: "\(folder.path)/pid", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            try await becomes("exec sleep 600")
            try await isStale(fixture)
            try await becomes("echo exec-3c")
            try await arrives("exec-3c", fixture)
            try await fixture.eventually {
                (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8))?.contains(") Z ") ?? true
            }
        }
        for token in ["exec-1a", "exec-2b", "exec-3c"] { #expect(!fixture.process.errors.text.contains(token)) }
    }

    // MARK: vault

    @Test func `a Vault that is sealed, revokes its tokens and denies, and tokens that change in it`() async throws {
        let vault = try await VaultServer.start()
        let standIn = vault.standIn
        standIn.put("coda", "vault-1a")
        let tokens = ["vault-1a", "vault-2b", "vault-3c", "vault-4d", "vault-5e"]
        let fixture = try await TokenFixture.start(
            store: "vault",
            stores: { folder in
                try folder.write(VaultStandIn.roleID, to: "role-id")
                try folder.write(VaultStandIn.secretID, to: "secret-id")
                return """
                      vault: { kind: vault, address: "\(vault.url)", mount: \(VaultStandIn.mount), \
                    path: \(VaultStandIn.folder), namespace: \(VaultStandIn.namespace), \
                    role_id: { file: \(folder.path)/role-id }, secret_id: { file: \(folder.path)/secret-id } }

                    """
            },
            tokens: Set(tokens)
        )
        try await whileCalling(fixture) {
            try await arrives(tokens[0], fixture)
            standIn.put("coda", tokens[1])
            try await arrives(tokens[1], fixture)
            standIn.change { $0.health = .sealed }
            try await isStale(fixture)
            try await fixture.eventually { fixture.process.errors.text.contains("it is sealed (503)") }
            #expect(try await fixture.command("token", "list", fails: true).contains("sealed"))
            standIn.put("coda", tokens[2])
            #expect(fixture.sent == tokens[1])
            standIn.change { $0.health = .active }
            try await arrives(tokens[2], fixture)
            // Its token is revoked: it signs in again.
            let logins = standIn.count("/login")
            standIn.revokeTokens()
            try await fixture.eventually { standIn.count("/login") > logins }
            _ = try await fixture.command("token", "rotate", "coda", input: tokens[3])
            try await arrives(tokens[3], fixture)
            standIn.change { $0.denied = ["coda"] }
            try await fixture.eventually {
                fixture.process.errors.text.contains("may not read kv/apps/data/mcp/prod/coda")
            }
            try await isStale(fixture)
            standIn.change { $0.denied = [] }
            // From there and back, while it serves.
            _ = try await fixture.command("store", "migrate", "vault", "sqlite")
            try await fixture.switchStore(to: "sqlite")
            _ = try await fixture.command("token", "rotate", "coda", input: tokens[4])
            try await arrives(tokens[4], fixture)
            #expect(try await fixture.command("store", "migrate", "sqlite", "vault").contains("updated"))
            try await fixture.switchStore(to: "vault")
            #expect(standIn.values(of: "coda").last == tokens[4])
            let history = try await fixture.command("token", "history", "coda")
            #expect(history.contains("migrated from sqlite"))
        }
        let said = fixture.process.errors.text
        for secret in tokens + [VaultStandIn.secretID, VaultStandIn.roleID, "hvs."] { #expect(!said.contains(secret)) }
    }
}
