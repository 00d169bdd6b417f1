import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite struct TheEnvironmentStore {
    private func store(
        _ names: [String],
        variables: [TokenName: String] = [:],
        _ environment: [String: String] = [:]
    ) throws -> EnvironmentTokenStore {
        try EnvironmentTokenStore(names: names.map { .name($0) }, variables: variables) { source throws(InvalidValue) in
            guard case .environment(let name) = source, let value = environment[name] else {
                throw InvalidValue("\(source) is not set")
            }
            return Secret(value)
        }
    }

    @Test(arguments: [("coda", "CODA_API_TOKEN"), ("my-mcp.v2", "MY_MCP_V2_API_TOKEN"), ("9_x", "9_X_API_TOKEN")])
    func `the environment store names variables by rule`(name: String, variable: String) {
        #expect(EnvironmentTokenStore.variable(for: .name(name)) == variable)
    }

    @Test func `the environment store loads what is set, and says what is not`() async throws {
        let environment = ["CODA_API_TOKEN": "one", "MINE": "two", "BAD_API_TOKEN": "line\nfeed"]
        let store = try store(["coda", "gone", "bad"], variables: [.other: "MINE"], environment)
        let load = try await store.load()
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: "one", .other: "two"])
        #expect(load.tokens[.coda]?.version == 1)
        #expect(load.problems.map(\.name.text) == ["bad", "gone"])
        #expect(load.problems.map(\.error.code) == [.invalidValue, .notFound])
        #expect(load.problems[0].error.message.contains("$BAD_API_TOKEN"))
        #expect(load.problems[1].error.message.contains("GONE_API_TOKEN"))
        #expect(!load.problems[0].error.message.contains("line"))
        let list = try await store.list()
        #expect(list.map(\.name.text) == ["bad", "coda", "gone", "other"])
        #expect(list.map { $0.fingerprint == nil } == [true, false, true, false])
        #expect(try await store.value(of: .coda).secret.text == "one")
        #expect(await code { _ = try await store.value(of: .coda, version: 2) } == .versionNotFound)
    }

    @Test func `the environment store refuses two names for one variable`() throws {
        let error = #expect(throws: TokenError.self) { try store(["a-b", "a.b"]) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("$A_B_API_TOKEN") == true)
        _ = try store(["a-b", "a.b"], variables: [.name("a.b"): "OTHER"])
    }

    @Test func `the environment store is read-only, and says what to do`() async throws {
        let store = try store(["coda"], ["CODA_API_TOKEN": "one"])
        #expect(store.capabilities.isEmpty)
        let changes: [() async throws -> Void] = [
            { try await store.set(.coda, "x") }, { try await store.rotate(.coda, "x") },
            { _ = try await store.rollback(.coda, .nothing) }, { try await store.delete(.coda, .nothing) },
            { _ = try await store.history(of: .coda) },
        ]
        for change in changes {
            let error = await #expect(throws: TokenError.self) { try await change() }
            #expect(error?.code == .unsupported)
            #expect(error?.hint?.contains("CODA_API_TOKEN") == true)
        }
    }

    @Test func `fingerprints tell nothing to another process`() async throws {
        // Two stores stand for two processes: a guess cannot be confirmed with the fingerprint of another.
        let one = try store(["coda", "other"], ["CODA_API_TOKEN": "same", "OTHER_API_TOKEN": "same"])
        let two = try store(["coda"], ["CODA_API_TOKEN": "same"])
        let list = try await one.list()
        #expect(list[0].fingerprint == list[1].fingerprint)
        #expect(try await two.list()[0].fingerprint != list[0].fingerprint)
    }
}
