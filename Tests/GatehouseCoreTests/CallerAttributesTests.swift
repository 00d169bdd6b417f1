import GatehouseCore
import Testing

@Suite struct CallerAttributesTests {
    private static func path(_ text: String) throws -> MemberPath { try MemberPath(parsing: text) }

    private static func read(_ payload: String, groups: String? = nil, claims: [String] = []) throws -> CallerAttributes
    {
        let wanted = CallerAttributes.Wanted(groups: try groups.map(path), claims: Set(try claims.map(path)))
        return Array(payload.utf8).withUnsafeBytes { CallerAttributes($0, wanted) }
    }

    @Test(arguments: [
        (#"{"custom":{"groups":["a","b c"]}}"#, ["a", "b c"]), (#"{"custom":{"groups":"one"}}"#, ["one"]),
        (#"{"x":{"groups":["no"]},"custom":{"other":["no"],"groups":["\u0061"]}}"#, ["a"]),
        (
            #"{"custom":{"groups":[{"id":1,"name":"n"},{"email":"g@x.de"},{"name":1,"email":"h@x.de"},{"id":"x"},"t"]}}"#,
            ["n", "g@x.de", "h@x.de", "t"]
        ),
        // What is not there does not match.
        ("{}", []), (#"{"custom":[]}"#, []), (#"{"custom":{}}"#, []), (#"{"custom":{"groups":null}}"#, []),
        (#"{"custom":{"groups":{}}}"#, []), (#"{"custom":{"groups":[]}}"#, []),
        (#"{"custom":{"groups":[1,null,["a"],""]}}"#, []),
        (#"{"custom":{"groups":["a\nb","\u0000","ok"]}}"#, ["ok"]), (#"{"custom.groups":["a"]}"#, []),
        (#"{"Custom":{"groups":["a"]}}"#, []),
    ])
    func `groups are texts, or objects with a name or an address`(payload: String, groups: [String]) throws {
        #expect(try Self.read(payload, groups: "custom.groups").groups == groups)
    }

    @Test func `claims are texts at their paths`() throws {
        let payload = #"{"country":"DE","custom":{"department":["sales","field"],"a.b":"x","n":1},"email":"ann@x.de"}"#
        let read = try Self.read(
            payload,
            claims: ["country", "custom.department", #"custom.a\.b"#, "custom.n", "none"]
        )
        #expect(read.groups.isEmpty)
        #expect(
            read.claims == [
                try Self.path("country"): ["DE"], try Self.path("custom.department"): ["sales", "field"],
                try Self.path(#"custom.a\.b"#): ["x"],
            ]
        )
    }

    /// A deny list may name the last one.
    @Test func `of very many groups none is left out`() throws {
        let payload = #"{"g":["# + (0..<3000).map { #""\#($0)""# }.joined(separator: ",") + "]}"
        #expect(try Self.read(payload, groups: "g").groups == (0..<3000).map { "\($0)" })
    }

    // MARK: - Grants

    private static let ann = Principal(kind: .user, name: "ann@example.com")
    private static let service = Principal(kind: .service, name: "id.access")

    private static func permits(
        _ callers: [Grant.Callers],
        of principal: Principal = ann,
        _ attributes: CallerAttributes
    )
        -> Permits
    {
        Permits(Policy(grants: callers.map { Grant($0) }), of: principal, attributes)
    }

    @Test func `a grant to groups names the people in them, and no service`() throws {
        let team = [Grant.Callers(groups: [Glob("engineering"), Glob("team-*")])]
        let inside = CallerAttributes(groups: ["x", "team-a", "engineering"])
        let permits = Self.permits(team, inside)
        #expect(permits.refusal == nil && permits.grants == [0] && permits.groups == ["team-a"])
        for outside in [CallerAttributes.none, CallerAttributes(groups: ["Engineering", "team", "engineering2", ""])] {
            #expect(Self.permits(team, outside).refusal == .principalDenied)
        }
        #expect(Self.permits(team, of: Self.service, inside).refusal == .principalDenied)
        #expect(Self.permits([Grant.Callers(users: [Glob("*")], groups: [Glob("no")])], inside).groups.isEmpty)
    }

    @Test func `claims narrow a grant, and all must hold`() throws {
        let claims = [
            Grant.Callers.Claim(try Self.path("country"), [Glob("DE"), Glob("AT")]),
            Grant.Callers.Claim(try Self.path("custom.department"), [Glob("sales*")]),
        ]
        let callers = [
            Grant.Callers(
                users: [Glob("*@example.com")],
                serviceTokens: [Glob("*")],
                groups: [Glob("g")],
                claims: claims
            )
        ]
        func attributes(_ country: [String]?, _ department: [String]?) throws -> CallerAttributes {
            var claims: [MemberPath: [String]] = [:]
            claims[try Self.path("country")] = country
            claims[try Self.path("custom.department")] = department
            return CallerAttributes(groups: ["g"], claims: claims)
        }
        for principal in [Self.ann, Self.service] {
            #expect(Self.permits(callers, of: principal, try attributes(["AT"], ["it", "sales-east"])).refusal == nil)
            for missing in [
                try attributes(nil, ["sales"]), try attributes(["DE"], nil), try attributes(["FR"], ["sales"]),
                try attributes(["DE"], ["presales"]),
            ] {
                #expect(Self.permits(callers, of: principal, missing).refusal == .principalDenied)
            }
        }
        #expect(claims[0].covers(Grant.Callers.Claim(try Self.path("country"), [Glob("AT")])))
        #expect(!claims[0].covers(Grant.Callers.Claim(try Self.path("country"), [Glob("*")])))
        #expect(!claims[0].covers(claims[1]))
    }
}
