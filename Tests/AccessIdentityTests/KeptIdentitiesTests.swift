import GatehouseCore
import Testing

@testable import AccessIdentity

@Suite struct KeptIdentitiesTests {
    private static func signIn(_ name: String, _ nonce: String) -> SignIn {
        let principal = Principal(kind: .user, name: name, subject: name)
        return SignIn(principal, nonce: nonce, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    private static func answer(_ bytes: Int) throws -> IdentityAnswer {
        let wanted = CallerAttributes.Wanted(groups: try MemberPath(parsing: "groups"))
        let body = #"{"email":"a","groups":[""# + String(repeating: "x", count: bytes) + #""]}"#
        let person = SignIn.Person(Principal(kind: .user, name: "a"))
        return try Array(body.utf8).withUnsafeBytes { try IdentityAnswer($0, of: person, wanted) }
    }

    @Test func `one person's sign-ins displace that person's own`() {
        var kept = KeptIdentities()
        kept.keep(.init(askedAt: 0), of: Self.signIn("ann", "n"))
        for index in 0..<20 { kept.keep(.init(askedAt: Int64(index + 1)), of: Self.signIn("eve", "\(index)")) }
        #expect(kept.count == 9 && kept[Self.signIn("ann", "n")] != nil)
        #expect(kept[Self.signIn("eve", "11")] == nil && kept[Self.signIn("eve", "12")] != nil)
    }

    @Test func `all are bounded by number and by weight, and the one asked about longest ago goes`() throws {
        var kept = KeptIdentities()
        for index in 0..<KeptIdentities.maximum + 5 {
            kept.keep(.init(askedAt: Int64(index)), of: Self.signIn("p\(index)", "n"))
        }
        #expect(kept.count == KeptIdentities.maximum && kept[Self.signIn("p4", "n")] == nil)
        #expect(kept[Self.signIn("p5", "n")] != nil)
        var heavy = KeptIdentities()
        let answer = try Self.answer(400 << 10)
        for index in 0..<200 {
            heavy.keep(.init(answer: answer, askedAt: Int64(index)), of: Self.signIn("p\(index)", "n"))
        }
        #expect(
            heavy.weight <= KeptIdentities.maximumWeight && heavy.count == KeptIdentities.maximumWeight / answer.weight
        )
        #expect(heavy[Self.signIn("p199", "n")] != nil && heavy[Self.signIn("p0", "n")] == nil)
        // The same one anew takes its own place.
        heavy.keep(.init(answer: answer, askedAt: 300), of: Self.signIn("p199", "n"))
        #expect(heavy.count == KeptIdentities.maximumWeight / answer.weight)
    }
}
