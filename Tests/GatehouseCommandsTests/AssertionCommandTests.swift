import AccessIdentity
import Foundation
import GatehouseTestSupport
import Testing

@Suite("gatehouse jwt explain", .timeLimit(.minutes(1)))
struct AssertionCommandTests {
    private let issuer = TestIssuer()

    private func explain(
        _ assertion: String,
        at time: String = "2026-11-23T09:10:00Z",
        _ more: String...
    ) async throws -> Command.Outcome {
        let fixture = try CommandFixture()
        try fixture.write(String(decoding: issuer.jwkSet, as: UTF8.self), to: "keys.json")
        let arguments = ["jwt", "explain", "--keys", "\(fixture.path)/keys.json", "--at", time] + more
        let outcome = try await fixture.run(arguments, input: assertion + "\n")
        for part in assertion.split(separator: ".") where part.count > 4 {
            #expect(!outcome.output.contains(part) && !outcome.errors.contains(part), "the assertion is printed")
        }
        return outcome
    }

    @Test func `a good assertion passes every step`() async throws {
        let outcome = try await explain(issuer.user())
        #expect(outcome.exit == 0 && outcome.errors.isEmpty)
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.prefix { $0.hasPrefix("ok ") }.count == AssertionExplanation.Step.allCases.count)
        #expect(lines.contains { $0.hasPrefix("claim  email: ") && $0.contains("david@example.com") })
        #expect(lines.last == "verified: user david@example.com until 2026-11-23T10:00:00.000000Z")
    }

    @Test(arguments: [
        ("expired", "2026-11-24T09:00:00Z"), ("not_yet_valid", "2026-11-22T09:00:00Z"),
    ])
    func `the time it is judged at is the one given`(reason: String, time: String) async throws {
        let outcome = try await explain(issuer.user(), at: time)
        #expect(outcome.exit == 1)
        #expect(outcome.output.contains("\nFAIL"))
        #expect(outcome.output.hasSuffix("refused: assertion_\(reason)\n"))
    }

    @Test func `the audience wanted is that of the route, or of any`() async throws {
        #expect(try await explain(issuer.user(), "--route", "coda").exit == 0)
        let other = try await explain(issuer.user(), "--route", "open")
        #expect(other.exit == 1 && other.output.hasSuffix("refused: assertion_audience\n"))
        let nowhere = try await explain(issuer.user(), "--route", "nowhere")
        #expect(nowhere.exit == 1 && nowhere.output.isEmpty && nowhere.errors.contains("routes: coda, open"))
    }

    @Test func `the deny lists are part of it`() async throws {
        let outcome = try await explain(issuer.user("ann@former.example"))
        #expect(outcome.exit == 1 && outcome.output.hasSuffix("refused: assertion_denied\n"))
    }

    @Test func `JSON says the same`() async throws {
        for (assertion, reason) in [(issuer.user(), nil), (issuer.service(with: ["exp": "1"]), "assertion_expired")] {
            let outcome = try await explain(assertion, "--json")
            #expect(outcome.exit == (reason == nil ? 0 : 1))
            let answer = try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            )
            #expect(answer["verified"] as? Bool == (reason == nil))
            #expect(answer["reason"] as? String == reason)
            let steps = try #require(answer["steps"] as? [[String: String]])
            #expect(steps.count == AssertionExplanation.Step.allCases.count)
            #expect(steps.filter { $0["outcome"] == "failed" }.map { $0["step"] } == (reason == nil ? [] : ["expiry"]))
            #expect((answer["claims"] as? [String: Any])?["iss"] as? String == "\"\(issuer.issuer)\"")
        }
    }

    @Test(arguments: ["x", "..", "a.b.c", String(repeating: "A", count: 60_000), "\u{1B}]0;title\u{07}.x.y", "ü.ü.ü"])
    func `what is no assertion is refused in words`(text: String) async throws {
        let outcome = try await explain(text)
        #expect(outcome.exit == 1 && outcome.errors.isEmpty)
        #expect(outcome.output.contains("refused: assertion_"))
        #expect(!outcome.output.contains("\u{1B}"))
    }

    /// An issuer that is trusted may still err: numbers beyond every calendar must not stop the process.
    @Test(arguments: [Int64.max, 1 << 53, 253_402_300_800, -1, Int64.min])
    func `no time in a signed assertion is too much`(seconds: Int64) async throws {
        for claim in ["exp", "iat", "nbf"] {
            let outcome = try await explain(issuer.user(with: [claim: "\(seconds)"]))
            #expect([0, 1].contains(outcome.exit) && outcome.errors.isEmpty, "\(claim) \(outcome)")
        }
    }

    @Test func `keys that cannot be had are a failure of their own`() async throws {
        let fixture = try CommandFixture()
        let unreachable = try await fixture.run("jwt", "explain", input: issuer.user())
        #expect(unreachable.exit == 1 && unreachable.output.isEmpty)
        #expect(
            unreachable.errors.contains("gatehouse: error: the keys cannot be fetched from http://127.0.0.1:1/certs")
        )
        #expect(unreachable.errors.contains("gatehouse: hint: "))
        try fixture.write("{}", to: "keys.json")
        for file in ["keys.json", "nothing.json"] {
            let keys = "\(fixture.path)/\(file)"
            let outcome = try await fixture.run("jwt", "explain", "--keys", keys, input: issuer.user())
            #expect(outcome.exit == 1 && outcome.output.isEmpty && outcome.errors.hasPrefix("gatehouse: error: "))
        }
    }
}
