import Foundation
import GatehouseTestSupport
import Testing

/// Tokens of a minute under load for as long as `Tests/Benchmarks/renewal.sh` asks: too long for every run.
@Suite("Tokens of a minute under load", .needsAuthlib, .timeLimit(.minutes(60)))
struct RenewalLoadTests {
    static let minutes = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_RENEWAL_MINUTES"].flatMap { Int($0) }

    /// The server rotates refresh tokens and ends a family whose former one is shown again, so a renewal too many would fail every call after it.
    @Test(
        .enabled(if: minutes != nil, "GATEHOUSE_TEST_RENEWAL_MINUTES is not set; Tests/Benchmarks/renewal.sh sets it")
    )
    func `fail no call`() async throws {
        let minutes = try #require(Self.minutes)
        let fixture = try await RenewalFixture(lifetime: 60)
        try await fixture.command("token", "set", "drive", input: try await fixture.server.grant())
        try await fixture.serve()
        for name in RenewalFixture.names { try await fixture.eventually { await fixture.answers(name) } }
        await withTaskGroup(of: Void.self) { group in
            for name in RenewalFixture.names { group.addTask { await fixture.loop(name) } }
            try? await Task.sleep(for: .seconds(60 * minutes))
            group.cancelAll()
        }
        let made = fixture.made
        let asked = try await fixture.server.asked
        print("\(made.count) calls in \(minutes) min, \(made.failures.count) failed; \(asked.count) renewals")
        #expect(made.failures.isEmpty, "\(made.failures.first ?? "")")
        #expect(made.count > 100 * minutes)
        // 48 s of 60, give or take a twentieth, and the first one: never more often, for each of the three.
        #expect(asked.allSatisfy { $0.status == 200 || $0.status == 201 })
        for kind in ["github", "client_credentials", "refresh_token"] {
            let count = asked.count { $0.kind == kind }
            #expect((minutes...(minutes * 60 / 44 + 2)).contains(count), "\(kind): \(count)")
        }
    }
}
