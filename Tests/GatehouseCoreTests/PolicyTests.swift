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

    @Test func agreesWithTheNaiveMatcher() {
        let texts = Self.all("ab", upTo: 6)
        for pattern in Self.all("ab*", upTo: 5) {
            let glob = Glob(pattern)
            for text in texts {
                let expected = Self.naive(Array(pattern.utf8)[...], Array(text.utf8)[...])
                if glob.matches(text) != expected { Issue.record("'\(pattern)' against '\(text)'") }
            }
        }
    }

    @Test func whatNoTextBeginningSoCouldMatchIsSaidToMatchNone() {
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

    @Test func onlyAStarIsSpecialAndCaseCounts() {
        #expect(Glob("a?b.[c]").matches("a?b.[c]"))
        #expect(!Glob("a?b").matches("axb"))
        #expect(!Glob("*@Example.com").matches("a@example.com"))
    }

    @Test(arguments: [
        ("*", "a*"), ("a*", "a*b"), ("*@example.com", "ana@example.com"), ("*@*.de", "*@x.de"), ("a", "a"), ("*", "*"),
    ])
    func coversWhatMatchesLess(wide: String, narrow: String) {
        #expect(Glob(wide).covers(Glob(narrow)))
        #expect(wide == narrow || !Glob(narrow).covers(Glob(wide)))
    }

    @Test func manyStarsTakeNoExponentialTime() {
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

    @Test func withoutGrantsEverybodyMayEverything() {
        #expect(Policy.everyone.admits(alice) == .allowed(grant: nil))
        #expect(Policy.everyone.permits(service, .tool, "delete") == .allowed(grant: nil))
    }

    @Test func anEmptyListAdmitsNobody() {
        #expect(Policy(grants: []).admits(alice) == .denied(.principalDenied))
        #expect(Policy(grants: []).permits(alice, .tool, "x") == .denied(.principalDenied))
    }

    @Test func theFirstGrantThatNamesThePrincipalAdmits() {
        let policy = Policy(grants: [grant(["bob@*"]), grant(["*@EXAMPLE.com"]), grant(["alice@*"])])
        #expect(policy.admits(alice) == .allowed(grant: 1))
        #expect(policy.admits(service) == .denied(.principalDenied))
    }

    @Test func kindsDoNotMix() {
        let both = Policy(grants: [grant(["id.access"], services: ["alice@example.com"])])
        #expect(both.admits(alice) == .denied(.principalDenied))
        #expect(both.admits(service) == .denied(.principalDenied))
        let everyone = Policy(grants: [grant(["*"], services: ["*"])])
        #expect(everyone.admits(.nobody) == .denied(.principalDenied))
        // Service tokens' names are exact in case, people's are not.
        #expect(Policy(grants: [grant(services: ["ID.access"])]).admits(service) == .denied(.principalDenied))
    }

    @Test func `a break-glass credential is not subject to grants on people`() {
        let bearer = Principal(kind: .bearer, name: "alice@example.com")
        for policy in [Policy.everyone, Policy(grants: []), Policy(grants: [grant(["bob@*"], tools: ["get_*"])])] {
            #expect(policy.admits(bearer) == .allowed(grant: nil))
            #expect(policy.permits(bearer, .tool, "delete_doc") == .allowed(grant: nil))
        }
    }

    @Test func anyGrantThatCoversACallIsEnough() {
        let policy = Policy(grants: [grant(["alice@*"], tools: ["get_*"]), grant(["*"], tools: ["list_*"])])
        #expect(policy.permits(alice, .tool, "get_doc") == .allowed(grant: 0))
        #expect(policy.permits(alice, .tool, "list_docs") == .allowed(grant: 1))
        #expect(policy.permits(alice, .tool, "delete_doc") == .denied(.toolDenied))
        #expect(policy.permits(alice, .tool, "Get_doc") == .denied(.toolDenied))
        #expect(policy.permits(alice, .prompt, "anything") == .allowed(grant: 0))
        #expect(policy.permits(service, .tool, "get_doc") == .denied(.principalDenied))
    }

    @Test(arguments: zip(Policy.TargetKind.allCases, [Reason.toolDenied, .promptDenied, .resourceDenied]))
    func eachKindHasItsDenial(kind: Policy.TargetKind, reason: Reason) {
        let nothing = Grant(users: [Glob("*")], serviceTokens: [], tools: [], prompts: [], resources: [])
        #expect(Policy(grants: [nothing]).permits(alice, kind, "x") == .denied(reason))
    }
}

@Suite struct ReasonTests {
    @Test(arguments: Reason.allCases)
    func noMessageMisleadsAClient(reason: Reason) {
        let answer = reason.answer
        for text in ["\(answer.message)", answer.code.rawValue, reason.rawValue] {
            for word in ["404", "405", "Not Found", "Unauthorized"] { #expect(!text.contains(word)) }
        }
        // Written into JSON without escaping.
        let needsEscape = "\(answer.message)".utf8.contains { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C || $0 > 0x7E }
        #expect(!needsEscape)
    }

    @Test(arguments: Reason.allCases)
    func statusAndCodeBelongTogether(reason: Reason) {
        let statuses: [PublicCode: Set<Int>] = [
            .badRequest: [400], .unauthenticated: [401], .forbidden: [200, 403], .notFound: [404],
            .methodNotAllowed: [405],
            .tooLarge: [413, 414, 431], .rateLimited: [429], .upstreamFailed: [502], .unavailable: [503],
            .upstreamTimeout: [504],
        ]
        #expect(statuses[reason.publicCode]?.contains(reason.status) == true)
    }
}
