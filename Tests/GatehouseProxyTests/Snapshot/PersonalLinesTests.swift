import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

@Suite struct PersonalLinesTests {
    private func choice(_ token: String, for caller: Caller, on route: PreparedRoute) throws -> PersonalChoice {
        PersonalChoice(
            Secret("X-Key: \(token)\r\n"),
            with: Secret(token),
            of: PersonalUse(
                token: try TokenName(parsing: "coda"),
                owner: caller.owner,
                given: .own(version: 1, renews: false)
            ),
            for: caller,
            on: route
        )
    }

    /// There are fewer places than callers.
    @Test func `two callers, or two routes, that share a place never get each other's lines`() throws {
        let snapshot = try Gateway.snapshot([
            try Gateway.route("http://127.0.0.1:1"),
            try Gateway.route("http://127.0.0.1:1", name: "two", host: "two.example"),
        ])
        var lines = PersonalLines()
        var kept: [Int: (Caller, PreparedRoute)] = [:]
        var shared = 0
        for number in 0..<(4 * CachePlace.count) {
            let caller = ScriptedCallers.person("\(number)@example.com")
            let route = snapshot.routes[number % 2]
            #expect(lines[caller, route] == nil)
            lines.keep(try choice("token-\(number)", for: caller, on: route))
            #expect(lines[caller, route]?.caller === caller)
            if let (before, its) = kept.updateValue((caller, route), forKey: CachePlace.of(caller, route)) {
                shared += 1
                #expect(lines[before, its] == nil)
            }
        }
        #expect(shared >= 3 * CachePlace.count)
    }
}
