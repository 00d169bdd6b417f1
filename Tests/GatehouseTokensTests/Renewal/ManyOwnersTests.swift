import Foundation
import GatehouseCore
import Testing

@testable import GatehouseTokens

/// What very many people cost. The figures are printed; `Tests/Benchmarks/owners.sh` runs it.
@Suite(
    "Very many owners",
    .enabled(
        if: ProcessInfo.processInfo.environment["GATEHOUSE_TEST_OWNERS"] != nil,
        "takes minutes: GATEHOUSE_TEST_OWNERS says how many"
    )
)
struct ManyOwnersTests {
    @Test func `are read once, and one that changes is read alone`() async throws {
        let count = try #require(ProcessInfo.processInfo.environment["GATEHOUSE_TEST_OWNERS"].flatMap { Int($0) })
        let fixture = try StoreFixture()
        let clock = RenewalFixture()
        let notion = TokenName.name("notion")
        let store = SealedTokenStore.sqlite(
            path: fixture.file,
            keyring: try MasterKeyring([StoreFixture.oldKey]),
            clock: clock
        )
        func take(_ number: Int, _ access: String) async throws {
            let owner = try #require(TokenOwner(subject: Self.subject(number)))
            let now = clock.now()
            let grant = TokenGrant(
                access: Secret(access),
                refresh: Secret("refresh-\(number)-0123456789abcdef0123456789abcdef"),
                issuedAt: now,
                expiresAt: now + .seconds(3600),
                person: GrantPerson(
                    email: "person-\(number)@example.com",
                    account: "Person \(number)",
                    connectedAt: now,
                    server: GrantServer(issuer: "https://idp", tokenURL: "https://idp/token", clientID: "client")
                )
            )
            _ = try await store.take(.usable(grant), as: GrantKey(notion, owner: owner), by: "test")
        }
        let long = String(repeating: "a", count: 600)
        try await Self.timed("connecting \(count)") {
            for number in 0..<count { try await take(number, "\(number)-\(long)") }
        }
        let issuer = RenewalFixture.Issuer(needsSeed: true, clock: clock)
        let renewer = clock.renewer(
            [:],
            store: store,
            holder: "one",
            personal: [PersonalToken(notion) { _, _ in issuer }]
        )
        let before = Self.resident
        await Self.timed("the first reading") { await renewer.tick() }
        print("memory of \(count): \((Self.resident - before) / 1024) MiB")
        #expect(renewer.personalTokens.entries[notion]?.count == count)
        await Self.timed("a reading without news") { await renewer.tick() }
        try await take(count / 2, "changed")
        await Self.timed("a reading with one change") { await renewer.tick() }
        let owner = try #require(TokenOwner(subject: Self.subject(count / 2)))
        guard case .usable(let value, _)? = renewer.personalTokens[notion, owner] else {
            return #expect(Bool(false), "the one that changed is served")
        }
        #expect(value.secret.text == "changed")
    }

    private static func subject(_ number: Int) -> String { "7335d417-61da-459d-899c-0a01c76a\(10_000 + number)" }

    private static func timed(_ what: String, _ body: () async throws -> Void) async rethrows {
        let start = ContinuousClock.now
        try await body()
        print("\(what): \((ContinuousClock.now - start) / .milliseconds(1)) ms")
    }

    /// KiB.
    private static var resident: Int {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            .flatMap { $0.split(separator: " ").dropLast().last.flatMap { Int($0) } } ?? 0
    }
}
