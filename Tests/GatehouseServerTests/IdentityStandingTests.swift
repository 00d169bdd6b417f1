import GatehouseCore
import Testing

@testable import AccessIdentity
@testable import GatehouseServer

@Suite struct IdentityStandingTests {
    private static let rules = CallerRules()
    private static let principal = Principal(kind: .user, name: "ann@example.com", subject: "s")

    private static func answer(_ groups: String) throws -> IdentityAnswer {
        let wanted = CallerAttributes.Wanted(groups: try MemberPath(parsing: "groups"))
        let body = #"{"email":"ann@example.com","groups":[\#(groups)]}"#
        return try Array(body.utf8).withUnsafeBytes { try IdentityAnswer($0, of: SignIn.Person(principal), wanted) }
    }

    private static func settle(_ standing: IdentityStanding, _ outcome: IdentityOutcome, at now: Int64) {
        standing.settled(
            outcome,
            asserted: CallerAttributes(groups: ["asserted"]),
            at: now,
            make: {
                Caller(
                    principal: principal,
                    attributes: $0,
                    expiresAt: Timestamp(seconds: .max / 1_000_000),
                    keyID: "k"
                )
            },
            bars: { $0.groups.contains("suspended") ? .assertionDenied : nil }
        )
    }

    private static func words(_ standing: IdentityStanding, _ now: Int64) -> String {
        let (judgement, isOld) = standing.judgement(at: now)
        let old = isOld ? ", old" : ""
        return switch judgement {
        case .caller(let caller): caller.attributes.groups.joined(separator: "+") + old
        case .barred(let reason): reason.rawValue + old
        case .failed(let failure): "\(failure)\(old)"
        case .unknown: "unknown\(old)"
        }
    }

    private static func caller(_ standing: IdentityStanding, _ now: Int64) throws -> Caller {
        guard case .caller(let caller) = standing.judgement(at: now).judgement else { throw InvalidValue("no caller") }
        return caller
    }

    @Test func `an answer is used while it is fresh, and on while it is usable`() throws {
        let standing = IdentityStanding()
        #expect(Self.words(standing, 1000) == "unknown, old")
        Self.settle(standing, .known(try Self.answer(#""a""#), until: (1300, 4600)), at: 1000)
        // The request that waited began before the answer came.
        for (now, words) in [
            (994, "a"), (1000, "a"), (1299, "a"), (1300, "a, old"), (4599, "a, old"), (4600, "unknown, old"),
            (939, "unknown, old"),
        ] as [(Int64, String)] { #expect(Self.words(standing, now) == words, "\(now)") }
        Self.settle(standing, .failed(.unavailable("down"), askAgainAt: 4605), at: 4600)
        for (now, words) in [(4594, "down"), (4604, "down"), (4605, "unknown, old")] as [(Int64, String)] {
            #expect(Self.words(standing, now) == words, "\(now)")
        }
    }

    @Test func `who keeps all groups stays the same caller, and who loses one is let in anew`() throws {
        let standing = IdentityStanding()
        func known(_ groups: String) throws {
            Self.settle(standing, .known(try Self.answer(groups), until: (1300, 4600)), at: 1000)
        }
        try known(#""a","b""#)
        let first = try Self.caller(standing, 1000)
        try known(#""a","b""#)
        #expect(try Self.caller(standing, 1000) === first)
        try known(#""a","b","c""#)
        let second = try Self.caller(standing, 1000)
        #expect(second !== first && !first.isShutOut && second.attributes.groups == ["a", "b", "c"])
        try known(#""a","c""#)
        let third = try Self.caller(standing, 1000)
        #expect(second.isShutOut && !third.isShutOut)
        // A failure of the endpoint says nothing against who is in; one against the assertion does.
        Self.settle(standing, .known(try Self.answer(#""a","c""#), until: (1005, 4600)), at: 1000)
        #expect(!third.isShutOut)
        Self.settle(standing, .failed(.rejected(status: 401), askAgainAt: 1005), at: 1000)
        #expect(third.isShutOut)
    }

    @Test func `who comes into a denied group is out`() throws {
        let standing = IdentityStanding()
        Self.settle(standing, .known(try Self.answer(#""a""#), until: (1300, 4600)), at: 1000)
        let caller = try Self.caller(standing, 1000)
        Self.settle(standing, .known(try Self.answer(#""a","suspended""#), until: (1300, 4600)), at: 1000)
        #expect(caller.isShutOut && Self.words(standing, 1000) == "assertion_denied")
        // Back in, but as somebody else than the streams of before.
        Self.settle(standing, .known(try Self.answer(#""a","suspended""#), until: (1300, 4600)), at: 1000)
        Self.settle(standing, .known(try Self.answer(#""a""#), until: (1300, 4600)), at: 1000)
        #expect(try !Self.caller(standing, 1000).isShutOut)
    }
}
