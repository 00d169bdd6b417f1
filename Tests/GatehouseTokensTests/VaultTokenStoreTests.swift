import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
@testable import GatehouseTokens
import Testing

/// Against a stand-in written from the published API: see ``VaultStandIn``.
@Suite("Tokens in Vault", .timeLimit(.minutes(5)))
struct VaultTokenStoreTests {
    let server: VaultServer
    let folder: StoreFixture
    let stage = Stage()
    var standIn: VaultStandIn { server.standIn }

    init() async throws {
        server = try await VaultServer.start()
        folder = try StoreFixture()
        try folder.writeRole()
    }

    private func store(_ place: VaultPlace? = nil) throws -> VaultTokenStore {
        VaultTokenStore(try place ?? folder.vault(server.url), surroundings: stage.surroundings)
    }

    private func tokenFile(_ token: String) throws -> VaultPlace.Identity {
        try Data(token.utf8).write(to: URL(fileURLWithPath: folder.directory + "/token"), options: .atomic)
        return .token(.file(folder.directory + "/token"))
    }

    private func failure(_ body: () async throws -> Void) async throws -> TokenError {
        try #require(await #expect(throws: TokenError.self) { try await body() })
    }

    private func current(_ store: VaultTokenStore) async throws -> [String: String] {
        let load = try await store.load()
        return Dictionary(uniqueKeysWithValues: load.tokens.map { ($0.key.text, $0.value.secret.text) })
    }

    private var logins: Int { standIn.count("/v1/auth/approle/login") }
    private var renewals: Int { standIn.count("/v1/auth/token/renew-self") }

    // MARK: Versions

    @Test func `goes back by writing the old value as a new version, over rotations in their order`() async throws {
        let store = try store()
        for value in ["one", "two"] { try await store.set(.coda, value) }
        #expect(try await store.rollback(.coda, from: 2, .nothing).version == 3)
        #expect(standIn.values(of: "coda") == ["one", "two", "one"])
        try await store.rotate(.coda, "three")
        func back() async throws -> String {
            try await store.rollback(.coda, .nothing)
            return try await store.value(of: .coda).secret.text
        }
        #expect(try await back() == "one")
        #expect(await code { _ = try await back() } == .versionNotFound)
        // Somebody writes it by hand: what was there before is where going back leads.
        standIn.put("coda", "by hand")
        #expect(try await store.load().dates[.coda]?.expiresAt == nil)
        #expect(try await back() == "one")
        #expect(
            try await store.history(of: .coda).map(\.action) == [
                .rollback, .rotate, .rollback, .rotate, .rollback, .set, .set,
            ]
        )
    }

    @Test func `copied notes of another version are nobody's`() async throws {
        let store = try store()
        _ = try await store.set(
            .coda,
            to: Secret("one"),
            TokenChange(actor: "ann", note: "n", expiresAt: .init(seconds: 9))
        )
        // As `vault kv patch` does it.
        standIn.put("coda", "two", others: standIn.fields(of: "coda"))
        let summary = try #require(try await store.list().first)
        #expect(summary.version == 2 && summary.actor == "" && summary.note == "" && summary.expiresAt == nil)
        #expect(try await store.predecessor(of: .coda, version: 2).secret.text == "one")
    }

    @Test func `keeps the fields of others, and gives back those of the version that it goes back to`() async throws {
        let store = try store()
        standIn.put("coda", "one", others: ["user": "svc \"a\" \u{1F511}", "url": "https://x/<&>"])
        try await store.rotate(.coda, "two")
        #expect(standIn.fields(of: "coda")["user"] == "svc \"a\" \u{1F511}")
        #expect(standIn.fields(of: "coda")["url"] == "https://x/<&>")
        standIn.put("coda", "three", others: ["user": "another"])
        try await store.rollback(.coda, .nothing)
        #expect(standIn.fields(of: "coda")["user"] == "svc \"a\" \u{1F511}")
        #expect(standIn.fields(of: "coda")["value"] == "two")
    }

    @Test func `says that Vault keeps a version no longer, and shows the history that there is`() async throws {
        let store = try store()
        standIn.change { $0.maximumVersions = 3 }
        for number in 1...5 { try await store.set(.coda, "value-\(number)") }
        #expect(try await store.history(of: .coda).map(\.version) == [5, 4, 3])
        // Each is a version, and has the engine forget another one.
        try await store.rollback(.coda, .nothing)
        let error = try await failure { try await store.rollback(.coda, .nothing) }
        #expect(error.code == .versionNotFound && error.hint?.contains("-max-versions") == true)
        #expect(await code { _ = try await store.value(of: .coda, version: 1) } == .versionNotFound)
    }

    @Test func `a version that is deleted in Vault is served no longer, and may be set anew`() async throws {
        let store = try store()
        try await store.set(.coda, "one")
        try await store.set(.other, "x")
        standIn.softDelete("coda")
        #expect(try await current(store) == ["other": "x"])
        let listed = try #require(try await store.list().first)
        #expect(
            listed.name == .coda && listed.problem?.hint?.contains("kv undelete -mount=kv/apps -versions=1") == true
        )
        #expect(await code { _ = try await store.value(of: .coda) } == .notFound)
        #expect(await code { try await store.rotate(.coda, "y") } == .notFound)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .notFound)
        try await store.set(.coda, "two")
        #expect(try await store.value(of: .coda).version == 2)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .versionNotFound)
        standIn.softDelete("coda")
        try await store.delete(.coda, .nothing)
        #expect(standIn.values(of: "coda").isEmpty)
    }

    @Test func `loses no version when several processes rotate at once`() async throws {
        try await store().set(.coda, "first")
        let stores = try (0..<3).map { _ in try store() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask { for number in 0..<5 { try await store.rotate(.coda, "value-\(index)-\(number)") } }
            }
            try await group.waitForAll()
        }
        #expect(try await store().value(of: .coda).version == 16)
    }

    // MARK: Signing in

    @Test func `renews its lease before the end, and signs in anew where renewing reaches no further`() async throws {
        let store = try store()
        _ = try await store.load()
        _ = try await store.load()
        #expect(logins == 1 && renewals == 0)
        stage.advance(.seconds(3000))
        _ = try await store.load()
        #expect(logins == 1 && renewals == 1)
        // Near the longest life that Vault gives a token a renewal brings little.
        standIn.change { $0.renewedLife = 600 }
        stage.advance(.seconds(3000))
        _ = try await store.load()
        #expect(logins == 2 && renewals == 2)
        stage.advance(.seconds(8000))
        _ = try await store.load()
        #expect(logins == 3 && renewals == 2)
    }

    @Test func `signs in again when its token is taken no longer, once for all who ask`() async throws {
        let store = try store()
        for number in 0..<8 { try await store.set(.name("t\(number)"), "v") }
        #expect(logins == 1)
        standIn.revokeTokens()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await store.load().tokens.count } }
            for try await count in group { #expect(count == 8) }
        }
        #expect(logins == 2)
    }

    @Test func `a secret that a policy denies is a problem of its own, and costs one sign-in a minute`() async throws {
        let store = try store()
        try await store.set(.coda, "one")
        try await store.set(.other, "two")
        standIn.change { $0.denied = ["coda"] }
        let before = logins
        for _ in 0..<5 {
            let load = try await store.load()
            #expect(load.tokens.keys.map(\.text) == ["other"] && load.problems.map(\.name) == [.coda])
            #expect(load.problems.first?.error.hint?.contains(#"path "kv/apps/data/mcp/prod/coda""#) == true)
        }
        #expect(logins == before + 1)
        stage.advance(.seconds(61))
        _ = try await store.load()
        #expect(logins == before + 2)
    }

    @Test func `a used-up secret_id ends nothing while the token lives`() async throws {
        let store = try store()
        try await store.set(.coda, "one")
        standIn.change {
            $0.isSecretIDExpired = true
            $0.renewedLife = 60
        }
        stage.advance(.seconds(3000))
        #expect(try await current(store) == ["coda": "one"])
        // A sealed server at the time of renewal, too.
        standIn.change { $0.health = .sealed }
        stage.advance(.seconds(100))
        #expect(await code { _ = try await store.load() } == .unavailable)
        standIn.change { $0.health = .active }
        #expect(try await current(store) == ["coda": "one"])
        stage.advance(.seconds(600))
        let error = try await failure { _ = try await store.load() }
        #expect(error.message.contains("not taken (400)") && error.hint?.contains("secret-id") == true)
        #expect(!"\(error)\(error.hint ?? "")".contains(VaultStandIn.secretID))
        // Another one is read from its file.
        standIn.change { $0.isSecretIDExpired = false }
        #expect(try await current(store) == ["coda": "one"])
    }

    @Test func `a token of the configuration is renewed where it can be, and read again when it is refused`()
        async throws
    {
        standIn.put("coda", "one")
        standIn.allow("hvs.first")
        let store = try store(folder.vault(server.url, identity: tokenFile("hvs.first")))
        #expect(try await current(store) == ["coda": "one"])
        #expect(logins == 0 && renewals == 1)
        stage.advance(.seconds(301))
        _ = try await store.load()
        #expect(renewals == 2)
        standIn.revokeTokens()
        let error = try await failure { _ = try await store.load() }
        #expect(
            error.code == .unavailable && error.message.contains("(403)") && error.hint?.contains("expired") == true
        )
        // An agent of Vault's writes the next one.
        standIn.allow("hvs.second")
        _ = try tokenFile("hvs.second")
        stage.advance(.seconds(61))
        #expect(try await current(store) == ["coda": "one"])
    }

    @Test func `a root token, which cannot be renewed, is used as it is`() async throws {
        let store = try store(folder.vault(server.url, identity: tokenFile(VaultStandIn.rootToken)))
        try await store.set(.coda, "one")
        #expect(try await current(store) == ["coda": "one"])
    }

    @Test func `says what is wrong with its credentials and shows nothing of them`() async throws {
        try folder.writeRole(secretID: "wrong-secret-id")
        let error = try await failure { _ = try await store().load() }
        #expect(error.code == .unavailable && error.message.contains("400"))
        #expect(!"\(error) \(error.hint ?? "")".contains("wrong-secret-id"))
        try FileManager.default.removeItem(atPath: folder.directory + "/secret-id")
        #expect(try await failure { _ = try await store().load() }.code == .configuration)
    }

    // MARK: Places

    @Test func `says each request's namespace, and what a wrong mount or namespace means`() async throws {
        try await store().set(.coda, "one")
        #expect(standIn.requests.allSatisfy { $0.namespace == VaultStandIn.namespace })
        let mount = try await failure { _ = try await store(folder.vault(server.url, mount: "wrong")).load() }
        #expect(mount.message.contains("nothing is mounted at 'wrong'"))
        let namespace = try await failure { _ = try await store(folder.vault(server.url, namespace: nil)).load() }
        #expect(namespace.message.contains("no AppRole method is mounted"))
    }

    @Test func `an empty folder has no tokens, and other folders in it are none`() async throws {
        let store = try store()
        let load = try await store.load()
        #expect(load.tokens.isEmpty && load.problems.isEmpty)
        standIn.put("coda", "one")
        standIn.put("not a name", "x")
        #expect(try await store.list().map(\.name) == [.coda])
    }

    @Test func `trusts a certificate of its own authority only when told to`() async throws {
        let secure = try await VaultServer.start(.loopback)
        let file = folder.directory + "/authority.pem"
        try Data(TestCertificate.loopback.certificate.utf8).write(to: URL(fileURLWithPath: file))
        #expect(try await failure { _ = try await store(folder.vault(secure.url)).load() }.hint?.contains("ca") == true)
        #expect(try await store(folder.vault(secure.url, authority: file)).load().tokens.isEmpty)
    }

    // MARK: Out of order

    @Test(arguments: [
        (VaultStandIn.Mood.Health.sealed, "sealed"), (.uninitialised, "not initialised"), (.standby, "standby"),
        (.disasterSecondary, "secondary for disasters"),
    ])
    func `says how the server is when it cannot serve`(health: VaultStandIn.Mood.Health, words: String) async throws {
        let store = try store()
        _ = try await store.load()
        standIn.change { $0.health = health }
        let error = try await failure { _ = try await store.load() }
        #expect(error.code == .unavailable && error.message.contains(words) && error.hint != nil)
        #expect(standIn.requests.last?.target == "/v1/sys/health" && standIn.requests.last?.token == nil)
    }

    @Test func `waits as long as a 429 asks, and sends nothing before`() async throws {
        let store = try store()
        try await store.set(.coda, "one")
        standIn.change { $0.refusals = [3] }
        #expect(try await store.load().tokens.count == 1)
        standIn.change { $0.refusals = [60] }
        #expect(await code { _ = try await store.load() } == .unavailable)
        let sent = standIn.requests.count
        #expect(await code { _ = try await store.load() } == .unavailable)
        #expect(standIn.requests.count == sent)
        stage.advance(.seconds(61))
        #expect(try await store.load().tokens.count == 1)
    }

    // MARK: Redirects

    @Test func `follows a standby to the nodes that are named, with the body`() async throws {
        let active = try await VaultServer.start()
        standIn.change { $0.redirect = active.url }
        let store = try store(folder.vault(server.url, nodes: [active.url]))
        try await store.set(.coda, "one")
        #expect(active.standIn.values(of: "coda") == ["one"])
        #expect(try await current(store) == ["coda": "one"])
    }

    @Test func `shows its credentials to no node that is not named`() async throws {
        let other = try await VaultServer.start()
        let store = try store()
        _ = try await store.load()
        standIn.change { $0.redirect = other.url }
        let error = try await failure { _ = try await store.load() }
        #expect(error.message.contains("is a standby and redirects to \(other.url)"))
        #expect(error.hint == "if that is a node of the same cluster: nodes: [\(other.url)]")
        #expect(await code { try await store.set(.coda, "one") } == .unavailable)
        // Nor what it signs in with.
        standIn.revokeTokens()
        _ = try await failure { _ = try await self.store().load() }
        #expect(other.standIn.requests.isEmpty)
    }

    @Test func `nodes that redirect to each other end, and other redirects are none`() async throws {
        standIn.change { $0.redirect = server.url }
        #expect(try await failure { _ = try await store().load() }.message.contains("no active one"))
        #expect(standIn.requests.count == 1 + VaultWire.maximumRedirects)
        for status in [301, 302, 303, 308] {
            standIn.change { $0.redirectStatus = status }
            #expect(
                try await failure { _ = try await store().load() }.message.contains("redirects elsewhere (\(status))")
            )
        }
    }

    @Test(arguments: [
        ("https://vault.example.com:8200", "/v1/x", true), ("https://VAULT.example.com:8200", "/v1/x", true),
        ("https://two.example.com", "/v1/x", true), ("https://two.example.com:443", "/v1/x", true),
        // Another scheme, port, host or target; a name before or in the host's place.
        ("http://vault.example.com:8200", "/v1/x", false), ("https://vault.example.com", "/v1/x", false),
        ("https://vault.example.com.evil.example:8200", "/v1/x", false),
        ("https://vault.example.com:8200", "/v1/sys/raw", false),
        ("https://vault.example.com:8200", "/v1/x?version=1", false),
        ("https://vault.example.com:8200@evil.example", "/v1/x", false), ("//vault.example.com:8200", "/v1/x", false),
        ("", "/v1/x", false), ("https://evil.example\\@vault.example.com:8200", "/v1/x", false),
        ("https://vault.example.com:8200", "/v1/x#a", false), ("https://vault.example.com:8200/.", "/v1/x", false),
    ])
    func `a redirect names a node and nothing else`(origin: String, target: String, isFollowed: Bool) throws {
        let place = try folder.vault("https://vault.example.com:8200", nodes: ["https://two.example.com"])
        #expect((place.node(origin + target, for: "/v1/x") != nil) == isFollowed)
    }
}
