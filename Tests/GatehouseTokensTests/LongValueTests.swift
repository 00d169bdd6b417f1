import GatehouseCore
import Testing

@testable import GatehouseTokens

/// Plays somebody who can write to the database and has no master key: what they make longer than anything that Gatehouse writes is not
/// brought into the memory, and its token is tampered with.
@Suite struct ValuesLongerThanAny {
    enum Value: String, CaseIterable {
        case sealed, valuesActor, valuesNote, headsSeal, action, eventsActor, eventsNote, eventsSeal

        var place: (table: String, column: String, isText: Bool) {
            switch self {
            case .sealed: ("token_versions", "sealed", false)
            case .valuesActor: ("token_versions", "actor", true)
            case .valuesNote: ("token_versions", "note", true)
            case .headsSeal: ("token_heads", "seal", false)
            case .action: ("token_events", "action", true)
            case .eventsActor: ("token_events", "actor", true)
            case .eventsNote: ("token_events", "note", true)
            case .eventsSeal: ("token_events", "seal", false)
            }
        }

        func statement(_ text: String, _ bytes: String) -> String {
            "UPDATE \(place.table) SET \(place.column) = \(place.isText ? text : bytes) WHERE name = 'coda'"
        }
    }

    private static func check(_ store: SealedTokenStore) async throws {
        let longest = try await store.database.use(.reading) { rows throws(TokenError) in
            let version = try rows.version(1, of: "coda")
            let events = try rows.events(of: "coda", limit: 10)
            let sizes = [
                version?.sealed.count, version?.row.actor.utf8.count, version?.row.note.utf8.count,
                try rows.head(of: "coda")?.seal.count,
            ]
            return
                (sizes.map { $0 ?? .max }
                + events.flatMap {
                    [$0.event.action.utf8.count, $0.event.actor.utf8.count, $0.event.note.utf8.count, $0.seal.count]
                })
                .max()
        }
        #expect(longest.map { $0 < 1000 } == true)
        let load = try await store.load()
        #expect(load.tokens[.coda] == nil && load.problems.map(\.error.code) == [.tampered])
        #expect(load.tokens[.other]?.secret.text == "two")
        #expect(try await store.changeStamp() != nil)
    }

    @Test(arguments: Value.allCases)
    func `values longer than any that is sealed are not read in SQLite`(_ value: Value) async throws {
        let fixture = try StoreFixture()
        try await fixture.store().set(.coda, "one")
        try await fixture.store().set(.other, "two")
        try fixture.sql(value.statement("printf('%.*c', 20000, 'x')", "zeroblob(20000)"))
        try await Self.check(fixture.store())
    }

    @Test(.needsPostgres, arguments: Value.allCases)
    func `values longer than any that is sealed are not read in PostgreSQL`(_ value: Value) async throws {
        let fixture = try await PostgresStoreFixture()
        try await fixture.store().set(.coda, "one")
        try await fixture.store().set(.other, "two")
        try await fixture.sql(value.statement("repeat('x', 20000)", "decode(repeat('00', 20000), 'hex')"))
        try await Self.check(fixture.store())
    }

    @Test func `names longer than any are no names`() async throws {
        let fixture = try StoreFixture()
        try await fixture.store().set(.coda, "one")
        for table in ["token_heads", "token_versions", "token_events"] {
            let rest =
                table == "token_heads"
                ? "0, 0, 0, 0, x'00'"
                : table == "token_events" ? "9, 'set', 1, 0, '', '', x'00'" : "1, NULL, 0, NULL, '', '', x'00'"
            try fixture.sql("INSERT INTO \(table) SELECT printf('%.*c', 20000, 'x'), \(rest)")
        }
        let names = try await fixture.store().database.use(.reading) { rows throws(TokenError) in try rows.names() }
        #expect(names.contains("coda") && names.allSatisfy { $0.utf8.count <= 64 })
        #expect(try await fixture.store().load().tokens[.coda]?.secret.text == "one")
    }
}
