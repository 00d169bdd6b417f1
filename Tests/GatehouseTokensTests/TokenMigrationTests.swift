import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite("Moving tokens between stores")
struct TokenMigrationTests {
    let one: StoreFixture
    let two: StoreFixture

    init() throws {
        one = try StoreFixture()
        two = try StoreFixture()
    }

    private func migrate(only: TokenName? = nil, dry: Bool = false) async throws -> [TokenMigration.Row] {
        try await TokenMigration(from: one.store(), to: two.store(), only: only, isDryRun: dry, .change(note: "moved"))
            .run()
    }

    @Test func `copies the current values with their expiry and leaves the source alone`() async throws {
        let expires = Timestamp(seconds: 2_000_000_000)
        try await one.store().set(.coda, "old")
        _ = try await one.store().rotate(.coda, to: Secret("new"), TokenChange(expiresAt: expires))
        try await one.store().set(.other, "x")
        let before = try one.bytes()
        #expect(try await migrate(dry: true).map(\.action) == [.create, .create])
        #expect(try await two.store().load().tokens.isEmpty)
        let rows = try await migrate()
        #expect(rows.map(\.action) == [.create, .create])
        #expect(rows.map(\.source) == [2, 1] && rows.map(\.target) == [1, 1])
        #expect(try one.bytes() == before)
        let load = try await two.store().load()
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: "new", .other: "x"])
        #expect(load.dates[.coda]?.expiresAt == expires)
        #expect(try await two.store().list().first?.note == "moved")
        // A second run, as after a crash, finds everything done.
        #expect(try await migrate().map(\.action) == [.same, .same])
        #expect(try await two.store().history(of: .coda).count == 1)
    }

    @Test func `finishes what a first run began, and only what it is told`() async throws {
        for name in ["a", "b", "c"] { try await one.store().set(.name(name), "value of \(name)") }
        #expect(try await migrate(only: .name("b")).map(\.action) == [.create])
        try await one.store().rotate(.name("b"), "newer")
        #expect(try await migrate().map(\.action) == [.create, .update, .create])
        #expect(try await two.store().load().tokens[.name("b")]?.version == 2)
        #expect(await code { _ = try await migrate(only: .other) } == .notFound)
    }

    @Test func `takes along what was approved and rejected of tools, and says what of it cannot be trusted`()
        async throws
    {
        func tool(_ name: String, _ number: UInt8) throws -> ToolDefinition {
            let digest = try #require(ToolDigest(Array(repeating: number, count: 32)))
            return ToolDefinition(name: try #require(ToolName(name)), digest: digest, canonical: [number])
        }
        let tools = [try tool("read", 1), try tool("write", 2)]
        let (read, write, source) = (tools[0].name, tools[1].name, try one.store())
        for route in [RouteName.coda, .other] {
            _ = try await source.changePins(of: route, by: "gatehouse") { book in
                book.saw(tools, isWhole: true, .approved, at: Timestamp(seconds: 1))
            }
        }
        _ = try await source.changePins(of: .coda, by: "ann") { book in
            (
                book.approve(read, by: "ann", at: Timestamp(seconds: 2)),
                book.reject(write, by: "ann", at: Timestamp(seconds: 2))
            )
        }
        #expect(try await migrate(dry: true).map(\.action) == [.create, .create])
        #expect(try await two.store().pinnedRoutes().isEmpty)
        let rows = try await migrate()
        #expect(rows.map(\.subject) == [.pins(.coda), .pins(.other)] && rows.map(\.action) == [.create, .create])
        let moved = try #require(try await two.store().pins(of: .coda)).book
        #expect(moved == (try await source.pins(of: .coda)?.book))
        #expect(moved.pins[read]?.approved?.by == "ann" && moved.pins[write]?.state == .rejected)
        #expect(try await migrate().map(\.action) == [.same, .same])
        // One token alone takes no pins along.
        try await source.set(.coda, "x")
        #expect(try await migrate(only: .coda).map(\.subject) == [.token(.coda)])

        try one.sql("UPDATE token_versions SET note = 'edited' WHERE name LIKE '*pins coda'")
        let refused = try await migrate()
        #expect(refused.map(\.action) == [.same, .failed, .same] && refused[1].problem?.code == .tampered)
        #expect(try await two.store().pins(of: .coda)?.book == moved)
    }

    @Test func `takes along who is denied by command, beside whom the target denies`() async throws {
        func deny(_ name: String, _ store: SealedTokenStore) async throws {
            _ = try await store.deny([(.user, name)], .change(actor: "ops", note: "gone"))
        }
        #expect(try await migrate().isEmpty)
        try await deny("a@x.de", one.store())
        #expect(try await migrate(dry: true).map(\.action) == [.create])
        #expect(try await two.store().denials()?.book.entries.isEmpty == true)
        let rows = try await migrate()
        #expect(rows.map(\.subject) == [.denials] && rows.map(\.action) == [.create] && rows.first?.target == 1)
        #expect(try await two.store().denials()?.book == one.store().denials()?.book)
        #expect(try await migrate().map(\.action) == [.same])
        try await deny("b@x.de", two.store())
        try await deny("c@x.de", one.store())
        #expect(try await migrate().map(\.action) == [.update])
        #expect(try await two.store().denials()?.book.texts(.user) == ["a@x.de", "b@x.de", "c@x.de"])
        // One token alone takes none along, and another kind of store keeps none.
        try await one.store().set(.coda, "x")
        #expect(try await migrate(only: .coda).map(\.subject) == [.token(.coda)])
        let environment = try EnvironmentTokenStore(names: [.coda], variables: [:]) { _ throws(InvalidValue) in
            throw InvalidValue("not set")
        }
        let stay = try await TokenMigration(from: one.store(), to: environment, .nothing).run()
        #expect(stay.map(\.action) == [.byHand, .stays])

        try one.sql("UPDATE token_versions SET note = 'edited' WHERE name = '*deny'")
        let refused = try await migrate()
        #expect(refused.map(\.action) == [.same, .failed] && refused[1].problem?.code == .tampered)
        #expect(try await two.store().denials()?.book.entries.count == 3)
    }

    @Test func `says what it cannot read and copies the rest`() async throws {
        try await one.store().set(.coda, "one")
        try await one.store().set(.other, "two")
        try one.sql("UPDATE token_versions SET note = 'edited' WHERE name = 'coda'")
        let rows = try await migrate()
        #expect(rows.map(\.action) == [.failed, .create])
        #expect(rows[0].problem?.code == .tampered)
    }

    @Test func `tells an env store's variables to be set by hand`() async throws {
        try await one.store().set(.coda, "plain-Value_1")
        try await one.store().set(.name("my-mcp"), "needs 'quotes' $HOME")
        let environment = try EnvironmentTokenStore(names: [.coda], variables: [.coda: "MINE"]) {
            _ throws(InvalidValue) in
            throw InvalidValue("not set")
        }
        let rows = try await TokenMigration(from: one.store(), to: environment, .nothing).run()
        #expect(rows.map(\.action) == [.byHand, .byHand])
        #expect(
            rows.compactMap { $0.line?.revealed.text } == [
                "MINE=plain-Value_1", #"MY_MCP_API_TOKEN='needs '\''quotes'\'' $HOME'"#,
            ]
        )
    }

    /// Every kind of store that can be read from, and every kind that can be written to.
    static let ways = ContractedStore.all.flatMap { from in ContractedStore.writing.map { (from, $0) } }

    @Test(arguments: ways)
    func `copies from each kind of store to each that can be written to`(
        from: ContractedStore,
        to: ContractedStore
    ) async throws {
        let (source, target) = (try await from.fixture(), try await to.fixture())
        try await source.put(.coda, #"one "and" \ two"#)
        try await source.put(.other, "other")
        try await target.put(.other, "older")
        func migrate() async throws -> [TokenMigration.Row] {
            try await TokenMigration(from: source.store(), to: target.store(), .change(note: "moved")).run()
        }
        let rows = try await migrate()
        #expect(rows.map(\.action) == [.create, .update] && rows.allSatisfy { $0.problem == nil })
        let load = try await target.store().load()
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: #"one "and" \ two"#, .other: "other"])
        #expect(try await target.store().value(of: .other, version: 1).secret.text == "older")
        #expect(try await target.store().list().map(\.note) == ["moved", "moved"])
        #expect(try await migrate().map(\.action) == [.same, .same])
        // And back, where the source takes what it is given.
        guard try source.store().capabilities.contains(.writing) else { return }
        try await target.store().rotate(.coda, "next")
        #expect(
            try await TokenMigration(from: target.store(), to: source.store(), .nothing).run().map(\.action)
                == [.update, .same]
        )
        #expect(try await source.store().value(of: .coda).secret.text == "next")
    }
}
