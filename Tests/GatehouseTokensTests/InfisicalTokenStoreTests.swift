import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
@testable import GatehouseTokens
import Synchronization
import Testing

/// Against a stand-in written from the published API: see ``InfisicalStandIn``.
@Suite("Tokens in Infisical", .timeLimit(.minutes(5)))
struct InfisicalTokenStoreTests {
    let server: InfisicalServer
    let folder: StoreFixture
    let time = Mutexed(Duration.zero)
    var standIn: InfisicalStandIn { server.standIn }

    init() async throws {
        server = try await InfisicalServer.start()
        folder = try StoreFixture()
        try Data(InfisicalStandIn.clientID.utf8).write(to: URL(fileURLWithPath: folder.directory + "/id"))
        try Data(InfisicalStandIn.clientSecret.utf8).write(to: URL(fileURLWithPath: folder.directory + "/secret"))
    }

    private func store(
        at url: String? = nil,
        path: String = InfisicalStandIn.folder,
        secret: String = "secret",
        authority: String? = nil
    ) -> InfisicalTokenStore {
        var surroundings = TokenRefresher.Surroundings.machine
        let time = time
        surroundings.uptime = { time.value }
        // A wait passes at once, and the clock says that it did.
        surroundings.sleep = { time.add($0) }
        return InfisicalTokenStore(
            InfisicalPlace(
                site: url ?? server.url,
                project: InfisicalStandIn.project,
                environment: InfisicalStandIn.environment,
                path: path,
                clientID: .file(folder.directory + "/id"),
                clientSecret: .file(folder.directory + "/" + secret),
                authoritiesFile: authority
            ),
            surroundings: surroundings
        )
    }

    private func failure(_ body: () async throws -> Void) async -> TokenError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? TokenError
        }
    }

    @Test func `goes back by writing the old value as a new version`() async throws {
        let store = store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        #expect(try await store.rollback(.coda, from: 2, .nothing).version == 3)
        #expect(standIn.values(of: "coda") == ["one", "two", "one"])
        #expect(try await store.history(of: .coda).map(\.version) == [3, 2, 1])
    }

    @Test func `goes back over rotations in their order, past what was gone back from`() async throws {
        let store = store()
        for value in ["one", "two"] { try await store.set(.coda, value) }
        try await store.rollback(.coda, .nothing)
        try await store.rotate(.coda, "three")
        func back() async throws -> String {
            try await store.rollback(.coda, .nothing)
            return try await store.value(of: .coda).secret.text
        }
        #expect(try await back() == "one")
        #expect(await failure { _ = try await back() }?.code == .versionNotFound)
        // Somebody edits it in the web interface: what was there before is where going back leads.
        standIn.edit("coda", "by hand")
        #expect(try await back() == "one")
    }

    @Test func `takes a hidden value for none`() async throws {
        let store = store()
        try await store.set(.coda, "one")
        standIn.change { $0.hidesValues = true }
        let load = try await store.load()
        #expect(load.tokens.isEmpty)
        #expect(load.problems.map(\.error.code) == [.unavailable])
        #expect(load.problems.first?.error.message.contains("hides") == true)
        #expect(await failure { _ = try await store.value(of: .coda) }?.code == .unavailable)
    }

    @Test func `does not take a pending approval for a write`() async throws {
        let store = store()
        try await store.set(.coda, "one")
        standIn.change { $0.wantsApproval = true }
        for change in [
            { try await store.rotate(.coda, "two") }, { try await store.set(.other, "x") },
            { try await store.delete(.coda, .nothing) },
        ] as [() async throws -> Void] {
            #expect(await failure(change)?.message.contains("approval") == true)
        }
        #expect(try await store.load().tokens.mapValues(\.secret.text) == [.coda: "one"])
    }

    @Test func `refuses values that would not come back as they are`() async throws {
        let store = store()
        standIn.change { $0.mangles = true }
        #expect(await failure { try await store.set(.coda, "value") }?.code == .unavailable)
        #expect(await failure { try await store.set(.other, "refused-by-validation") }?.code == .invalidValue)
    }

    @Test func `says what 404 and 403 mean and keeps the tokens that were good`() async throws {
        let elsewhere = store(path: "/other")
        let error = await failure { _ = try await elsewhere.load() }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("no access") == true)
        #expect(await failure { _ = try await elsewhere.value(of: .coda) }?.code == .notFound)
        standIn.change { $0.status = 403 }
        #expect(await failure { _ = try await store().load() }?.hint?.contains("client_secret") == true)
    }

    @Test func `waits as long as a 429 asks in its message`() async throws {
        let store = store()
        try await store.set(.coda, "one")
        standIn.change { $0.refusals = ["Rate limit exceeded. Please try again in 3 seconds"] }
        let before = time.value
        #expect(try await store.load().tokens.count == 1)
        #expect(time.value - before == .seconds(3))
        standIn.change { $0.refusals = ["Rate limit exceeded. Please try again in 1 minute"] }
        let error = await failure { _ = try await store.load() }
        #expect(error?.code == .unavailable)
        // Until its time nothing is sent at all.
        let sent = standIn.requests.count
        #expect(await failure { _ = try await store.load() } != nil)
        #expect(standIn.requests.count == sent)
        time.add(.seconds(61))
        #expect(try await store.load().tokens.count == 1)
    }

    @Test(arguments: [
        ("Rate limit exceeded. Please try again in 30 seconds", Duration.seconds(30)),
        ("try again in 1 minute", .seconds(60)),
        ("in 2 hours", .seconds(7200)), ("in 500ms", .milliseconds(500)), ("in 999999999999999999999 s", nil),
        ("later", nil),
    ])
    func `reads the delay of a 429`(_ message: String, _ delay: Duration?) {
        #expect(InfisicalAnswer.delay(CurlBody(#"{"statusCode":429,"message":"\#(message)"}"#)) == delay)
    }

    @Test func `renews its access token, and signs in again when it is taken no longer`() async throws {
        let store = store()
        func count(_ path: String) -> Int { standIn.requests.count { $0.hasSuffix(path) } }
        _ = try await store.load()
        _ = try await store.load()
        #expect(count("/login") == 1 && count("/renew") == 0)
        time.add(.seconds(6000))
        _ = try await store.load()
        #expect(count("/login") == 1 && count("/renew") == 1)
        time.add(.seconds(8000))
        _ = try await store.load()
        #expect(count("/login") == 2 && count("/renew") == 1)
        // Revoked, or the server was restarted.
        standIn.forgetTokens()
        _ = try await store.load()
        #expect(count("/login") == 3)
    }

    @Test func `signs in once however many ask at once`() async throws {
        let store = store()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await store.load() } }
            try await group.waitForAll()
        }
        #expect(standIn.requests.count { $0.hasSuffix("/login") } == 1)
    }

    @Test func `says what is wrong with its credentials and shows nothing of them`() async throws {
        try Data("wrong-secret-value".utf8).write(to: URL(fileURLWithPath: folder.directory + "/wrong"))
        let error = try #require(await failure { _ = try await store(secret: "wrong").load() })
        #expect(error.code == .unavailable && error.message.contains("401"))
        #expect(!"\(error) \(error.hint ?? "")".contains("wrong-secret-value"))
        #expect(await failure { _ = try await store(secret: "none").load() }?.code == .configuration)
    }

    @Test func `trusts a certificate of its own authority only when told to`() async throws {
        let secure = try await InfisicalServer.start(.loopback)
        let file = folder.directory + "/authority.pem"
        try Data(TestCertificate.loopback.certificate.utf8).write(to: URL(fileURLWithPath: file))
        #expect(await failure { _ = try await store(at: secure.url).load() }?.hint?.contains("ca") == true)
        #expect(try await store(at: secure.url, authority: file).load().tokens.isEmpty)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"secrets":{}}"#, #"{"secrets":[1]}"#, #"{"secrets":[{"secretKey":"a"}]} x"#, "null",
    ])
    func `takes a strange answer for none`(_ text: String) {
        #expect(throws: TokenError.self) { try InfisicalAnswer.secrets(CurlBody(text)) }
    }
}

/// A duration that a test moves.
final class Mutexed: Sendable {
    private let held: Mutex<Duration>
    init(_ value: Duration) { held = Mutex(value) }
    var value: Duration { held.withLock { $0 } }
    func add(_ duration: Duration) { held.withLock { $0 += duration } }
}
