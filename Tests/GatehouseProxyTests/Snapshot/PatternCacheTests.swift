import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

@Suite struct PatternCacheTests {
    /// What is remembered of a token holds the token.
    @Test func `the tokens of persons are forgotten when one may have gone, and those of routes stay`() throws {
        let snapshot = try Gateway.snapshot([try Gateway.route("http://127.0.0.1:1")])
        let caller = ScriptedCallers.person("ann@example.com")
        var cache = PatternCache()
        func patterns(_ own: Secret?) -> SecretPatterns? {
            cache.patterns(snapshot.routes[0], own: own, caller, assertion: { nil })
        }
        weak var token: Secret?
        do {
            let own = Secret("token-of-ann-5f1d8a")
            token = own
            let first = try #require(patterns(own))
            let second = patterns(own)
            #expect(first === second)
        }
        #expect(token != nil)
        let shared = patterns(nil)
        cache.forgetPersonal()
        #expect(token == nil)
        let again = patterns(nil)
        #expect(shared === again)
    }
}
