import GatehouseConfig
import Testing

@testable import GatehouseServer

@Suite struct ConfigurationChangesTests {
    /// - Parameter limited: the route that has a limit of its own.
    private func configuration(_ routes: [String], limited: String = "", _ more: String = "") throws -> Configuration {
        let items = routes.map { name in
            """
              - name: \(name)
                host: \(name).example.com
                audience: [aud]
                upstream: http://\(name):8080
            \(name == limited ? "    limits: { body: 1MiB }" : "")

            """
        }
        let text = """
            version: 1
            access: { team: example }
            stores: { phase1: { kind: env } }
            \(more)
            routes:
            \(items.joined())
            """
        return try Configuration(parsing: text.utf8, file: "test.yaml", environment: [:])
    }

    @Test func `nothing is said of a file that says the same`() throws {
        let one = try configuration(["coda", "wiki"])
        #expect(ConfigurationChanges.between(one, one) == [])
        // Neither a comment nor the order of routes is a change.
        #expect(ConfigurationChanges.between(one, try configuration(["wiki", "coda"], "# words")) == [])
    }

    @Test func `keys and routes are named that are new, gone or changed`() throws {
        let one = try configuration(["coda", "wiki"], "store_refresh: 10s")
        let other = try configuration(["coda", "last"], limited: "coda", "store_refresh: 20s")
        #expect(
            ConfigurationChanges.between(one, other) == [
                "store_refresh changed", "route coda changed", "route wiki is gone", "route last is new",
            ]
        )
        let less = try configuration(["wiki"], "store_refresh: 10s")
        #expect(ConfigurationChanges.between(one, less) == ["route coda is gone"])
    }

    @Test func `a text that looks the same in other bytes is a change`() throws {
        func configuration(_ audience: String) throws -> Configuration {
            let text = """
                version: 1
                access: { team: example }
                stores: { phase1: { kind: env } }
                routes: [{ name: coda, host: coda.example.com, audience: ["\(audience)"], upstream: "http://coda:8080" }]
                """
            return try Configuration(parsing: text.utf8, file: "test.yaml", environment: [:])
        }
        #expect(
            ConfigurationChanges.between(try configuration("\u{E9}"), try configuration("e\u{301}")) == [
                "route coda changed"
            ]
        )
    }
}
