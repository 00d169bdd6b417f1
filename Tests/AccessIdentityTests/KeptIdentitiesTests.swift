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
        for index in 0..<10_005 {
            kept.keep(.init(askedAt: Int64(index)), of: Self.signIn("p\(index)", "n"))
        }
        #expect(kept.count == 10_000 && kept[Self.signIn("p4", "n")] == nil)
        #expect(kept[Self.signIn("p5", "n")] != nil)
    }

    @Test func `of people who are gone nothing stays`() {
        var kept = KeptIdentities()
        for index in 0..<10_100 { kept.keep(.init(askedAt: Int64(index)), of: Self.signIn("p\(index)", "n")) }
        #expect(kept.count == 10_000 && privateCount("persons", of: kept) == 10_000)
    }

    @Test func `answers of 64 MiB together are kept, and one byte more sends the oldest away`() throws {
        // Of a weight of which a whole number comes to the bound.
        let frame = try Self.answer(1).weight - 1
        let (answer, more) = (try Self.answer((256 << 10) - frame), try Self.answer((256 << 10) - frame + 1))
        try #require(answer.weight == 256 << 10 && more.weight == answer.weight + 1)
        for (last, count) in [(answer, 256), (more, 255)] {
            var kept = KeptIdentities()
            for index in 0..<255 {
                kept.keep(.init(answer: answer, askedAt: Int64(index)), of: Self.signIn("p\(index)", "n"))
            }
            kept.keep(.init(answer: last, askedAt: 255), of: Self.signIn("last", "n"))
            #expect(kept.count == count && (kept[Self.signIn("p0", "n")] != nil) == (count == 256))
        }
    }

    @Test func `heavy answers displace those asked about longest ago`() throws {
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
