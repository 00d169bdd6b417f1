import Foundation
import GatehouseCore
import Testing

@testable import AccessIdentity

@Suite struct IdentityAnswerTests {
    private static let ann = Principal(kind: .user, name: "Ann@Example.com", subject: "s1")

    private static func read(_ body: String, of principal: Principal = ann, claims: [String] = []) throws
        -> IdentityAnswer
    {
        let wanted = CallerAttributes.Wanted(
            groups: try MemberPath(parsing: "custom.groups"),
            claims: Set(try claims.map { try MemberPath(parsing: $0) })
        )
        return try Array(body.utf8).withUnsafeBytes { try IdentityAnswer($0, of: SignIn.Person(principal), wanted) }
    }

    private static func failure(_ body: String, of principal: Principal = ann) -> IdentityFailure? {
        do {
            _ = try read(body, of: principal)
            return nil
        } catch { return error as? IdentityFailure }
    }

    @Test(arguments: [
        (#"{"email":"ann@example.com","groups":["a"]}"#, ["a"]),
        (#"{"email":"ANN@example.COM","sub":"s1","custom":{"groups":["a"]},"groups":["b"]}"#, ["a"]),
        (#"{"oidc_fields":{"groups":["a"]},"email":"ann@example.com","groups":["b"]}"#, ["a"]),
        (#"{"email":"ann@example.com","saml_attributes":{"groups":"a"},"groups":["b"]}"#, ["a"]),
        (
            #"{"email":"ann@example.com","groups":[{"id":"1","name":"a"},{"email":"b@x.de"},7,null,"c"]}"#,
            ["a", "b@x.de", "c"]
        ),
        (#"{"email":"ann@example.com","custom":{"groups":[{"id":"1","name":"a"}]}}"#, ["a"]),
        // Groups that are there and none are not looked for elsewhere.
        (#"{"email":"ann@example.com","custom":{"groups":[]},"groups":["b"]}"#, []),
        (#"{"email":"ann@example.com","groups":null}"#, []),
    ])
    func `groups stand where an assertion has them, or where Access answers them`(body: String, groups: [String]) throws
    {
        #expect(try Self.read(body).over(CallerAttributes(groups: ["asserted"])).groups == groups)
    }

    @Test func `for what an answer does not have the assertion stands`() throws {
        let path = try MemberPath(parsing: "country")
        let asserted = CallerAttributes(groups: ["asserted"], claims: [path: ["AT"]])
        #expect(try Self.read(#"{"email":"ann@example.com"}"#, claims: ["country"]).over(asserted) == asserted)
        let other = try Self.read(#"{"email":"ann@example.com","country":"DE","groups":[]}"#, claims: ["country"])
        #expect(other.over(asserted) == CallerAttributes(claims: [path: ["DE"]]))
        // Objects are groups at most, and what is not of `custom` has one place.
        let odd = #"{"email":"ann@example.com","team":[{"name":"x"}],"oidc_fields":{"unit":"y"},"saml_attributes":"z"}"#
        let read = try Self.read(odd, claims: ["team", "other.unit", "custom"])
        #expect(read.over(.none).claims.isEmpty)
        let text = try Self.read(#"{"email":"ann@example.com","oidc_fields":"y"}"#, claims: ["custom"])
        #expect(text.over(.none).claims.isEmpty)
        // There, and no text: the assertion's is not the person's any more.
        let none = try Self.read(#"{"email":"ann@example.com","country":null}"#, claims: ["country"])
        #expect(none.over(asserted).claims.isEmpty)
    }

    @Test(arguments: [
        "{}", #"{"groups":["a"]}"#, #"{"email":"eve@example.com"}"#, #"{"email":["ann@example.com"]}"#,
        #"{"email":null}"#, #"{"email":"ann@example.com ","groups":[]}"#, #"{"email":"ann@example.com","sub":"s2"}"#,
        #"{"email":"ann@example.com","sub":null}"#, #"{"email":"ann@example.com","sub":["s1"]}"#,
        #"{"user":{"email":"ann@example.com"}}"#, #"{"Email":"ann@example.com"}"#,
    ])
    func `an answer that is not about the person is refused`(body: String) {
        #expect(Self.failure(body) == .otherPerson)
    }

    @Test(arguments: [
        "", "[]", "null", #"{"email":"ann@example.com""#, #"{"email":"ann@example.com"}x"#,
        #"{"email":"eve@example.com","email":"ann@example.com"}"#,
        #"{"email":"ann@example.com","groups":[{"name":"a","name":"b"}]}"#,
        #"{"email":"ann@example.com","groups":["\uD800"]}"#,
        #"{"email":"ann@example.com","x":"# + String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
            + "}",
        #"{"email":"ann@example.com","x":{"# + (0..<2000).map { #""\#($0)":0"# }.joined(separator: ",") + "}}",
        #"{"email":"ann@example.com","x":""# + String(repeating: "x", count: IdentityAnswer.maximumBytes) + #""}"#,
    ])
    func `what two readers could read differently is no answer`(body: String) {
        guard case .unavailable? = Self.failure(body) else {
            Issue.record("\(String(describing: Self.failure(body))): \(body.prefix(80))")
            return
        }
    }

    @Test func `the largest answer is read, and a larger one is not`() {
        let body = #"{"email":"ann@example.com"}"#.padding(
            toLength: 512 << 10,
            withPad: " ",
            startingAt: 0
        )
        #expect(Self.failure(body) == nil)
        #expect(Self.failure(body + " ") != nil)
    }

    @Test(arguments: [0, 1])
    func `an answer has 1024 members and 32 levels, and with one more it is none`(more: Int) {
        func members(_ count: Int) -> String { (0..<count).map { #""m\#($0)":0"# }.joined(separator: ",") }
        let depth = 31 + more
        for body in [
            #"{"email":"ann@example.com",\#(members(1023 + more))}"#,
            #"{"email":"ann@example.com","x":{\#(members(1024 + more))}}"#,
            #"{"email":"ann@example.com","x":"# + String(repeating: "[", count: depth)
                + String(repeating: "]", count: depth) + "}",
        ] {
            #expect((Self.failure(body) == nil) == (more == 0))
        }
    }

    @Test func `a sign-in is one person's, and one session's`() {
        let assertion = Array("a.b.c".utf8)
        func signIn(_ principal: Principal, nonce: String?, _ bytes: [UInt8]) -> SignIn {
            bytes.withUnsafeBytes { SignIn(principal, nonce: nonce, $0) }
        }
        let one = signIn(Self.ann, nonce: "n", assertion)
        #expect(one == signIn(Principal(kind: .user, name: "ann@example.com", subject: "s1"), nonce: "n", [1]))
        let others = [
            signIn(Self.ann, nonce: "m", assertion), signIn(Self.ann, nonce: nil, assertion),
            signIn(Self.ann, nonce: nil, [1]),
            signIn(Principal(kind: .user, name: "ann@example.com", subject: "s2"), nonce: "n", assertion),
            signIn(Principal(kind: .user, name: "bob@example.com", subject: "s1"), nonce: "n", assertion),
        ]
        #expect(Set(others + [one]).count == 6)
        #expect(signIn(Self.ann, nonce: nil, assertion) == others[1])
    }
}
