import Testing

/// A token that answers are not searched for, because it is too short.
@Suite(.timeLimit(.minutes(1)))
struct ShortSecretTests {
    private func fixture(guarding: String = "") throws -> CommandFixture {
        let fixture = try CommandFixture()
        try fixture.write(
            """
            version: 1
            listen: 127.0.0.1:0
            access: { team: example }
            stores: { now: { kind: env } }
            routes:
              - name: wiki
                host: wiki.example.com
                audience: ["\(String(repeating: "0123456789abcdef", count: 4))"]
                upstream: http://127.0.0.1:1
                inject: { X-Key: "{token}" }
            \(guarding)

            """,
            to: "gatehouse.yaml"
        )
        return fixture
    }

    @Test func `check and doctor say so, and never the token`() async throws {
        let fixture = try fixture()
        let short = ["WIKI_API_TOKEN": "q7-Zk_1"]
        let check = try await fixture.run(["check"], environment: short)
        #expect(check.exit == 0)
        #expect(
            check.errors.contains(
                "warning: the token 'wiki' ($WIKI_API_TOKEN) has under 8 bytes: answers are not searched for it"
            )
        )
        let strict = try await fixture.run(["check", "--strict"], environment: short)
        #expect(strict.exit == 78)
        let doctor = try await fixture.run(["doctor"], environment: short)
        #expect(doctor.output.contains("has under 8 bytes: answers are not searched for it"))
        for outcome in [check, strict, doctor] { #expect(!(outcome.output + outcome.errors).contains("q7-Zk_1")) }
        let long = try await fixture.run(["check"], environment: ["WIKI_API_TOKEN": "q7-Zk_12"])
        #expect(long.errors.isEmpty)
    }

    @Test func `where the guard is off nothing is said`() async throws {
        let fixture = try fixture(guarding: "    guard: { reflection: off }")
        let check = try await fixture.run(["check"], environment: ["WIKI_API_TOKEN": "q7-Zk_1"])
        #expect(check.exit == 0)
        #expect(check.errors.isEmpty)
    }
}
