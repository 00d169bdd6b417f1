import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite struct GlobTests {
    /// Tries everything that each `*` could stand for.
    private static func naive(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == 0x2A {
            return (0...text.count).contains { naive(pattern.dropFirst(), text.dropFirst($0)) }
        }
        return text.first == first && naive(pattern.dropFirst(), text.dropFirst())
    }

    /// All texts over these letters up to a length.
    private static func all(_ letters: String, upTo length: Int) -> [String] {
        var texts = [""]
        var layer = texts
        for _ in 0..<length {
            layer = layer.flatMap { text in letters.map { text + String($0) } }
            texts += layer
        }
        return texts
    }

    @Test func `a glob agrees with the naive matcher`() {
        let texts = Self.all("ab", upTo: 6)
        for pattern in Self.all("ab*", upTo: 5) {
            let glob = Glob(pattern)
            for text in texts {
                let expected = Self.naive(Array(pattern.utf8)[...], Array(text.utf8)[...])
                if glob.matches(text) != expected { Issue.record("'\(pattern)' against '\(text)'") }
            }
        }
    }

    @Test func `a glob that no text with a beginning could match is said to match none`() {
        let texts = Self.all("ab", upTo: 6)
        var refused = 0
        for pattern in Self.all("ab*", upTo: 4) {
            let glob = Glob(pattern)
            for beginning in Self.all("ab", upTo: 3) {
                let may = Array(beginning.utf8).withUnsafeBytes { glob.mayMatch(beginning: $0) }
                if !may { refused += 1 }
                let some = texts.first { $0.hasPrefix(beginning) && glob.matches($0) }
                if let some, !may { Issue.record("'\(pattern)' matches '\(some)', which begins with '\(beginning)'") }
            }
        }
        #expect(refused > 100)
    }

    @Test func `only a star is special, and case counts`() {
        #expect(Glob("a?b.[c]").matches("a?b.[c]"))
        #expect(!Glob("a?b").matches("axb"))
        #expect(!Glob("*@Example.com").matches("a@example.com"))
    }

    @Test(arguments: [
        ("*", "a*"), ("a*", "a*b"), ("*@example.com", "ana@example.com"), ("*@*.de", "*@x.de"), ("a", "a"), ("*", "*"),
    ])
    func `a glob covers one that matches less`(wide: String, narrow: String) {
        #expect(Glob(wide).covers(Glob(narrow)))
        #expect(wide == narrow || !Glob(narrow).covers(Glob(wide)))
    }

    @Test func `many stars take no exponential time`() {
        let text = String(repeating: "a", count: 5000)
        #expect(!Glob(String(repeating: "*a", count: 50) + "b").matches(text))
    }
}

@Suite struct PolicyTests {
    let alice = Principal(kind: .user, name: "alice@example.com", subject: "s")
    let service = Principal(kind: .service, name: "id.access")

    private func grant(_ users: [String] = [], services: [String] = [], tools: [String]? = nil) -> Grant {
        Grant(
            users: users.map { Glob($0) },
            serviceTokens: services.map { Glob($0) },
            tools: tools?.map { Glob($0) },
            prompts: nil,
            resources: nil
        )
    }

    private func coverage(
        _ policy: Policy,
        _ principal: Principal,
        _ kind: Policy.TargetKind,
        _ target: String
    ) -> Permits.Coverage {
        Array(target.utf8).withUnsafeBytes { Permits(policy, of: principal).coverage(of: kind, $0) }
    }

    private func refusal(_ policy: Policy, _ principal: Principal) -> Reason? { Permits(policy, of: principal).refusal }

    @Test func `without grants everybody may everything`() {
        #expect(refusal(.everyone, alice) == nil)
        #expect(coverage(.everyone, service, .tool, "delete") == .covered(grant: nil))
    }

    @Test func `an empty list admits nobody`() {
        #expect(refusal(Policy(grants: []), alice) == .principalDenied)
        #expect(Permits(Policy(grants: []), of: alice).grants.isEmpty)
    }

    @Test func `the grants that name the principal admit`() {
        let policy = Policy(grants: [grant(["bob@*"]), grant(["*@EXAMPLE.com"]), grant(["alice@*"])])
        #expect(refusal(policy, alice) == nil)
        #expect(Permits(policy, of: alice).grants == [1, 2])
        #expect(refusal(policy, service) == .principalDenied)
    }

    @Test func `kinds do not mix`() {
        let both = Policy(grants: [grant(["id.access"], services: ["alice@example.com"])])
        #expect(refusal(both, alice) == .principalDenied)
        #expect(refusal(both, service) == .principalDenied)
        let everyone = Policy(grants: [grant(["*"], services: ["*"])])
        #expect(refusal(everyone, .nobody) == .principalDenied)
        // Service tokens' names are exact in case, people's are not.
        #expect(refusal(Policy(grants: [grant(services: ["ID.access"])]), service) == .principalDenied)
    }

    @Test func `a break-glass credential is not subject to grants on people`() {
        let bearer = Principal(kind: .bearer, name: "alice@example.com")
        for policy in [Policy.everyone, Policy(grants: []), Policy(grants: [grant(["bob@*"], tools: ["get_*"])])] {
            #expect(refusal(policy, bearer) == nil)
            #expect(coverage(policy, bearer, .tool, "delete_doc") == .covered(grant: nil))
        }
    }

    @Test func `any grant that covers a call is enough`() {
        let policy = Policy(grants: [grant(["alice@*"], tools: ["get_*"]), grant(["*"], tools: ["list_*"])])
        #expect(coverage(policy, alice, .tool, "get_doc") == .covered(grant: 0))
        #expect(coverage(policy, alice, .tool, "list_docs") == .covered(grant: 1))
        #expect(coverage(policy, alice, .tool, "delete_doc") == .uncovered)
        #expect(coverage(policy, alice, .tool, "Get_doc") == .uncovered)
        #expect(coverage(policy, alice, .prompt, "anything") == .covered(grant: 0))
        #expect(refusal(policy, service) == .principalDenied)
    }

    @Test func `any entry that a call passes allows it, and lists show the tool by any`() throws {
        func entry(_ tools: [Grant.Tool]) -> Grant { Grant(Grant.Callers(users: [Glob("*")]), tools: tools) }
        func rules(_ path: String, _ literal: ArgumentCondition.Literal) throws -> ArgumentRules {
            try ArgumentRules([.init(try MemberPath(parsing: path), .oneOf([literal]))])
        }
        let policy = Policy(grants: [
            entry([
                Grant.Tool(Glob("create_*"), arguments: try rules("dry", .boolean(true))), Grant.Tool(Glob("list_*")),
            ]),
            entry([
                Grant.Tool(Glob("create_row"), arguments: try rules("doc", .text(ArgumentPattern(Glob("A*"))))),
                Grant.Tool(Glob("list_*"), arguments: try rules("doc", .boolean(true))),
            ]),
        ])
        let permits = Permits(policy, of: alice)
        func judgement(_ tool: String, _ arguments: String) -> Int? {
            Array(tool.utf8).withUnsafeBytes { tool in
                Array(arguments.utf8).withUnsafeBytes { arguments in
                    if case .covered(let grant, _) = permits.judgement(of: tool, arguments) { grant } else { nil }
                }
            }
        }
        #expect(permits.restrictsAny && permits.rulesArguments)
        // An entry without rules is enough.
        #expect(coverage(policy, alice, .tool, "list_docs") == .covered(grant: 0))
        #expect(coverage(policy, alice, .tool, "create_row") == .dependsOnArguments)
        #expect(coverage(policy, alice, .tool, "delete_row") == .uncovered)
        #expect(judgement("create_row", #"{"dry":true}"#) == 0)
        #expect(judgement("create_row", #"{"doc":"A1"}"#) == 1)
        #expect(judgement("create_row", #"{"doc":"B1"}"#) == nil)
        #expect(judgement("create_table", #"{"doc":"A1"}"#) == nil)
        #expect(Array("create_row".utf8).withUnsafeBytes { permits.ruling($0) } == [0, 1])
        #expect(Array("create_row".utf8).withUnsafeBytes { permits.allows(.tool, $0) })
    }

    @Test func `a grant without a list covers everything of its kind beside one that lists`() {
        let policy = Policy(grants: [grant(["*"], tools: ["get_*"]), grant(["*"])])
        #expect(coverage(policy, alice, .tool, "delete_doc") == .covered(grant: 1))
        #expect(!Permits(policy, of: alice).restrictsAny)
    }

    @Test(arguments: zip(Policy.TargetKind.allCases, [Reason.toolDenied, .promptDenied, .resourceDenied]))
    func `each kind has its denial`(kind: Policy.TargetKind, reason: Reason) {
        let nothing = Grant(users: [Glob("*")], serviceTokens: [], tools: [], prompts: [], resources: [])
        #expect(coverage(Policy(grants: [nothing]), alice, kind, "x") == .uncovered)
        #expect(kind.denial == reason)
    }
}

@Suite struct ReasonTests {
    @Test(arguments: Reason.allCases)
    func `no message misleads a client`(reason: Reason) {
        let answer = reason.answer
        for text in ["\(answer.message)", answer.code.rawValue, reason.rawValue] {
            for word in ["404", "405", "Not Found", "Unauthorized"] { #expect(!text.contains(word)) }
        }
        // Written into JSON without escaping.
        let needsEscape = "\(answer.message)".utf8.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 > 0x7E }
        #expect(!needsEscape)
    }

    @Test(arguments: Reason.allCases)
    func `status and code belong together`(reason: Reason) {
        let statuses: [PublicCode: Set<Int>] = [
            .badRequest: [400], .unauthenticated: [401], .forbidden: [200, 403], .notFound: [404],
            .methodNotAllowed: [405],
            .tooLarge: [413, 414, 431], .rateLimited: [429], .upstreamFailed: [502], .unavailable: [503],
            .upstreamTimeout: [504],
        ]
        #expect(statuses[reason.publicCode]?.contains(reason.status) == true)
    }
}
