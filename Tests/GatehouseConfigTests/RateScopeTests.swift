import GatehouseConfig
import GatehouseCore
import Testing

/// `limits.rate_scope` of a route.
@Suite struct RateScopeTests {
    private static func yaml(_ limits: String, store: String = "postgres, url: \"postgres://db/g\"") -> String {
        """
        version: 1
        access: { team: example }
        stores:
          kept: { kind: \(store), master_keys: [{ file: /k }] }
        routes:
          - name: coda
            host: coda.example.com
            audience: [\(audienceTag)]
            upstream: http://127.0.0.1:8080
            limits: \(limits)

        """
    }

    @Test func `a rate counts one instance's requests, or those of the fleet`() throws {
        func scope(_ limits: String) throws -> RouteLimits.Rate.Scope? {
            try read(Self.yaml(limits)).routes.routes[0].limits.rate?.scope
        }
        #expect(try scope("{ rate: 600/min }") == .instance)
        #expect(try scope("{ rate: 600/min, rate_scope: instance }") == .instance)
        #expect(try scope("{ rate: 600/min, rate_scope: fleet }") == .fleet)
        #expect(try read(Self.yaml("{ rate: 600/min, rate_scope: fleet }")).effective.contains("rate_scope: fleet"))
    }

    @Test func `a fleet counts through a PostgreSQL, and something`() {
        let file = problems(Self.yaml("{ rate: 600/min, rate_scope: fleet }", store: "sqlite, path: /v/g.db"))
        #expect(
            file.map(\.message) == [
                "a rate of the fleet is counted through a store of kind postgres, and kept is of kind sqlite"
            ]
        )
        let nothing = problems(Self.yaml("{ rate_scope: fleet }"))
        #expect(nothing.map(\.message) == ["rate_scope says how a rate is counted, and there is none"])
        let wrong = problems(Self.yaml("{ rate: 600/min, rate_scope: all }"))
        #expect(wrong.count == 1 && wrong[0].message.contains("instance, fleet"))
    }
}
