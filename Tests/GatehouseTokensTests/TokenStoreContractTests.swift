import GatehouseCore
@testable import GatehouseTokens
import Testing

/// What all stores keep to, whatever they are made of. The suites of each store hold what is its own.
@Suite("Every token store", .timeLimit(.minutes(5)))
struct TokenStoreContractTests {
    private func current(_ store: any TokenStore) async throws -> [String: String] {
        let load = try await store.load()
        #expect(load.problems.isEmpty)
        return Dictionary(uniqueKeysWithValues: load.tokens.map { ($0.key.text, $0.value.secret.text) })
    }

    // MARK: Reading

    @Test(arguments: ContractedStore.all)
    func `gives what was put into it, by name`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.other, "two")
        try await fixture.put(.coda, "one")
        let store = try fixture.store()
        #expect(try await current(store) == ["coda": "one", "other": "two"])
        #expect(try await store.list().map(\.name) == [.coda, .other])
        let value = try await store.value(of: .coda)
        #expect(value.secret.text == "one" && value.version == 1)
        #expect(try await store.value(of: .coda, version: 1).secret.text == "one")
        #expect(await code { _ = try await store.value(of: .coda, version: 2) } == .versionNotFound)
    }

    @Test(arguments: ContractedStore.all)
    func `has no value for a name that it does not have`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        let load = try await store.load()
        #expect(load.tokens.isEmpty)
        // A store that is asked by name says which names it missed; the others know only of what they have.
        #expect(load.problems.map(\.name) == (kind.isAskedByName ? [.coda, .other] : []))
        // A program that fails does not say why.
        let missing: TokenError.Code = kind == .exec ? .unavailable : .notFound
        #expect(load.problems.allSatisfy { $0.error.code == missing })
        #expect(try await store.list().allSatisfy { $0.fingerprint == nil })
        #expect(await code { _ = try await store.value(of: .coda) } == missing)
    }

    @Test(arguments: ContractedStore.all)
    func `keeps a token that cannot be sent from hiding the others, and shows nothing of it`(
        kind: ContractedStore
    ) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "spoiled-soon")
        try await fixture.put(.other, "good")
        try await fixture.spoil(.coda)
        let store = try fixture.store()
        let load = try await store.load()
        #expect(load.tokens.mapValues(\.secret.text) == [.other: "good"])
        #expect(load.problems.map(\.name) == [.coda])
        for problem in load.problems.map(\.error) {
            #expect([.invalidValue, .tampered].contains(problem.code))
            let said = "\(problem) \(problem.hint ?? "")"
            #expect(!said.contains("spoiled"))
        }
        #expect([.invalidValue, .tampered].contains(await code { _ = try await store.value(of: .coda) }))
        let list = try await store.list()
        #expect(list.map { $0.problem == nil } == [false, true])
    }

    @Test(arguments: ContractedStore.all)
    func `tells equal values by their fingerprint, and no value by it`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "same")
        try await fixture.put(.other, "same")
        let store = try fixture.store()
        let prints = try await store.list().compactMap(\.fingerprint)
        #expect(prints.count == 2 && Set(prints).count == 1)
        #expect(!prints.map { "\($0)" }.joined().contains("same"))
    }

    @Test(arguments: ContractedStore.all)
    func `refuses what it cannot do with advice, and says beforehand that it cannot`(kind: ContractedStore) async throws
    {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let store = try fixture.store()
        let writing: [() async throws -> Void] = [
            { try await store.set(.coda, "two") }, { try await store.rotate(.coda, "two") },
            { try await store.delete(.coda, .nothing) },
        ]
        let versions: [() async throws -> Void] = [
            { _ = try await store.history(of: .coda) }, { _ = try await store.rollback(.coda, .nothing) },
            { _ = try await store.predecessor(of: .coda, version: 1) },
        ]
        for (capability, calls) in [(TokenStoreCapabilities.writing, writing), (.versions, versions)] {
            for call in calls where !store.capabilities.contains(capability) {
                let error = await #expect(throws: TokenError.self) { try await call() }
                #expect(error?.code == .unsupported && error?.hint != nil)
            }
            for call in calls where store.capabilities.contains(capability) {
                #expect(await code(call) != .unsupported)
            }
        }
    }

    // MARK: Changing

    @Test(arguments: ContractedStore.writing)
    func `sets, rotates and goes back one version at a time`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        #expect(try await store.set(.coda, to: Secret("one"), .nothing).version == 1)
        #expect(try await store.rotate(.coda, to: Secret("two"), .nothing).version == 2)
        let third = try await store.set(.coda, to: Secret("three"), .nothing)
        #expect(third.version == 3)
        #expect(try await current(fixture.store()) == ["coda": "three"])
        #expect(try await store.value(of: .coda, version: 1).secret.text == "one")
        #expect(await code { _ = try await store.rollback(.coda, from: 2, .nothing) } == .superseded)
        #expect(try await store.predecessor(of: .coda, version: 3).secret.text == "two")
        let back = try await store.rollback(.coda, from: 3, .nothing)
        #expect(try await current(fixture.store()) == ["coda": "two"])
        #expect(back.fingerprint != third.fingerprint)
        // What is set next leads back to what was current, and not to what was gone back from.
        try await store.rotate(.coda, "four")
        #expect(try await store.value(of: .coda).version == max(back.version, 3) + 1)
        for value in ["two", "one"] {
            _ = try await store.rollback(.coda, .nothing)
            #expect(try await current(store) == ["coda": value])
        }
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .versionNotFound)
        #expect(try await current(store) == ["coda": "one"])
    }

    @Test(arguments: ContractedStore.writing)
    func `changes no name that it does not have, except by setting it`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        try await store.set(.other, "untouched")
        #expect(await code { try await store.rotate(.coda, "x") } == .notFound)
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .notFound)
        #expect(await code { try await store.delete(.coda, .nothing) } == .notFound)
        #expect(await code { _ = try await store.history(of: .coda) } == .notFound)
        #expect(await code { _ = try await store.value(of: .coda) } == .notFound)
        #expect(try await current(fixture.store()) == ["other": "untouched"])
    }

    @Test(arguments: ContractedStore.writing)
    func `keeps names apart, in their case, and deletes one alone`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        for (name, value) in [(TokenName.coda, "one"), (.name("Coda"), "two"), (.name("coda.v2_x"), "three")] {
            try await store.set(name, value)
        }
        try await store.delete(.coda, .nothing)
        #expect(try await current(fixture.store()) == ["Coda": "two", "coda.v2_x": "three"])
        #expect(await code { _ = try await store.value(of: .coda) } == .notFound)
        #expect(
            [.notFound, .versionNotFound].contains(await code { _ = try await store.value(of: .coda, version: 1) })
        )
        try await store.set(.coda, "four")
        #expect(try await store.value(of: .coda).secret.text == "four")
        #expect(await code { _ = try await store.rollback(.coda, .nothing) } == .versionNotFound)
    }

    @Test(arguments: ContractedStore.writing)
    func `keeps when a value ends, who set it and why`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let expiry = Timestamp(seconds: 2_000_000_000)
        let change = try TokenChange(actor: "ops", note: "first", expiresAt: expiry)
        #expect(try await fixture.store().set(.coda, to: Secret("one"), change).expiresAt == expiry)
        let store = try fixture.store()
        let summary = try #require(try await store.list().first)
        #expect(summary.actor == "ops" && summary.note == "first" && summary.expiresAt == expiry)
        let dates = try #require(try await store.load().dates[.coda])
        #expect(dates.expiresAt == expiry && dates.createdAt != nil)
        // The end is the value's, and the next value does not inherit it.
        try await store.rotate(.coda, "two")
        #expect(try await store.load().dates[.coda]?.expiresAt == nil)
        let events = try await store.history(of: .coda)
        #expect(events.map(\.version) == [2, 1] && events.map(\.isCurrent) == [true, false])
        #expect(events.map(\.action) == [.rotate, .set] && events.allSatisfy { $0.problem == nil })
    }

    @Test(arguments: ContractedStore.writing)
    func `refuses a value that no header may carry, before it writes`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        try await store.set(.coda, "kept")
        for value in [
            "", " x", "x ", "a\nb", "a\u{7F}", "ü", String(repeating: "x", count: TokenValue.maximumLength + 1),
            "<hidden-by-infisical>",
        ] {
            #expect(await code { try await store.set(.coda, value) } == .invalidValue)
            #expect(await code { try await store.rotate(.coda, value) } == .invalidValue)
            #expect(await code { try await store.set(.other, value) } == .invalidValue)
        }
        let load = try await fixture.store().load()
        #expect(load.tokens.mapValues(\.secret.text) == [.coda: "kept"] && load.tokens[.coda]?.version == 1)
        let longest = String(repeating: "x", count: TokenValue.maximumLength)
        try await store.set(.coda, longest)
        #expect(try await fixture.store().value(of: .coda).secret.text == longest)
        try await store.set(.coda, #"quote " and \ slash, % and $ {token}"#)
        #expect(try await fixture.store().value(of: .coda).secret.text == #"quote " and \ slash, % and $ {token}"#)
    }

    @Test(arguments: ContractedStore.sealed)
    func `records each change of a token, also after it was deleted`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        _ = try await store.rollback(.coda, .change(actor: "night", note: "rejected"))
        try await store.delete(.coda, .nothing)
        #expect(try await store.history(of: .coda).count == 4)
        try await store.set(.coda, "three")
        let history = try await fixture.store().history(of: .coda)
        #expect(history.map(\.action) == [.set, .delete, .rollback, .rotate, .set])
        // Versions go up, also over a deletion, and going back makes an old one current.
        #expect(history.map(\.version) == [3, 0, 1, 2, 1])
        #expect(history.map(\.revision) == [5, 4, 3, 2, 1])
        #expect(history.map(\.isCurrent) == [true, false, false, false, false])
        #expect(history[2].actor == "night" && history[2].note == "rejected")
        #expect(history[0].at == Timestamp(seconds: 1_764_000_000))
        // Deleted versions are gone; that there were some is not.
        #expect(history.map { $0.fingerprint == nil } == [false, true, true, true, true])
        #expect(history.allSatisfy { $0.problem == nil })
    }

    @Test(arguments: ContractedStore.sealed)
    func `loses no version when several processes rotate at once`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        let stores = try [fixture.store(), fixture.store(), fixture.store()]
        try await stores[0].set(.coda, "first")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, store) in stores.enumerated() {
                group.addTask { for number in 0..<15 { try await store.rotate(.coda, "value-\(index)-\(number)") } }
            }
            group.addTask {
                // A reader always sees one whole state.
                let reader = try fixture.store()
                var last = 0
                for _ in 0..<30 {
                    let load = try await reader.load()
                    #expect(load.problems.isEmpty)
                    #expect(load.tokens[.coda]?.version ?? 0 >= last)
                    last = load.tokens[.coda]?.version ?? 0
                }
            }
            try await group.waitForAll()
        }
        let history = try await fixture.store().history(of: .coda)
        #expect(history.map(\.version) == Array((1...46).reversed()))
        #expect(Set(history.compactMap(\.fingerprint)).count == 46)
        #expect(history.allSatisfy { $0.problem == nil })
    }

    // MARK: Following

    @Test(arguments: ContractedStore.all)
    func `has a stamp that differs after each change, or none`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let store = try fixture.store()
        let first = try await store.changeStamp()
        #expect((first != nil) == (ContractedStore.sealed.contains(kind) || kind == .file))
        #expect(try await store.changeStamp() == first)
        guard let first else { return }
        try await fixture.put(.other, "two")
        #expect(try await store.changeStamp() != first)
        guard store.capabilities.contains(.writing) else { return }
        let writer = try fixture.store()
        var seen: Set = [first]
        for change in [
            { try await writer.rotate(.coda, "two") }, { _ = try await writer.rollback(.coda, .nothing) },
            { try await writer.set(.other, "x") }, { try await writer.delete(.other, .nothing) },
        ] as [() async throws -> Void] {
            try await change()
            #expect(seen.insert(try #require(try await store.changeStamp())).inserted)
        }
    }

    @Test(arguments: ContractedStore.all)
    func `brings another process's change with the next refresh at the latest`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let stage = Stage()
        let refresher = TokenRefresher(
            store: try fixture.store(),
            refresh: .seconds(30),
            surroundings: stage.surroundings
        ) { stage.take($0) }
        await refresher.tick()
        #expect(stage.snapshots == [["coda": "one"]])
        try await fixture.put(.coda, "two")
        stage.advance(.seconds(30))
        await refresher.tick()
        #expect(stage.snapshots == [["coda": "one"], ["coda": "two"]])
    }

    @Test(arguments: ContractedStore.all)
    func `ends its watch when nobody waits for it any more`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let store = try fixture.store()
        let watching = Task { await store.watch {} }
        watching.cancel()
        await watching.value
    }

    // MARK: Out of reach

    @Test(arguments: ContractedStore.reachable)
    func `says that it is out of reach, changes nothing meanwhile and goes on afterwards`(
        kind: ContractedStore
    ) async throws {
        let fixture = try await kind.fixture()
        let store = try fixture.store()
        try await store.set(.coda, "one")
        try await store.rotate(.coda, "two")
        try await fixture.goDown()
        for call in [
            { _ = try await store.load() }, { _ = try await store.list() }, { _ = try await store.value(of: .coda) },
            { _ = try await store.history(of: .coda) }, { try await store.set(.coda, "lost-value") },
            { try await store.rotate(.coda, "lost-value") }, { _ = try await store.rollback(.coda, .nothing) },
            { try await store.delete(.coda, .nothing) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: TokenError.self) { try await call() }
            #expect(error?.code == .unavailable && error?.source == .store)
            let said = "\(String(describing: error)) \(String(describing: error?.underlying))"
            #expect(!said.contains("lost-value"))
        }
        try await fixture.comeBack()
        #expect(try await current(store) == ["coda": "two"])
        try await store.rotate(.coda, "three")
        #expect(try await current(fixture.store()) == ["coda": "three"])
        #expect(try await store.value(of: .coda).version == 3)
    }

    @Test(arguments: ContractedStore.reachable)
    func `serves what was read last up to max_stale while it is out of reach`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let stage = Stage()
        let refresher = TokenRefresher(
            store: try fixture.store(),
            maxStale: .seconds(600),
            surroundings: stage.surroundings
        ) { stage.take($0) }
        await refresher.refreshNow()
        try await fixture.goDown()
        stage.advance(.seconds(300))
        await refresher.refreshNow()
        #expect(refresher.state.isReady && refresher.state.error?.code == .unavailable)
        #expect(stage.snapshots == [["coda": "one"]])
        stage.advance(.seconds(301))
        await refresher.tick()
        #expect(!refresher.state.isReady)
        #expect(stage.snapshots.last == [:])
        try await fixture.comeBack()
        await refresher.refreshNow()
        #expect(refresher.state.isReady && stage.snapshots.last == ["coda": "one"])
    }

    @Test(arguments: ContractedStore.reachable)
    func `is not ready where it was out of reach from the start`(kind: ContractedStore) async throws {
        let fixture = try await kind.fixture()
        try await fixture.put(.coda, "one")
        let store = try fixture.store()
        try await fixture.goDown()
        let refresher = TokenRefresher(store: store) { _ in }
        let state = await refresher.refreshNow()
        #expect(!state.isReady && state.error?.code == .unavailable && state.error?.message.isEmpty == false)
        try await fixture.comeBack()
    }
}
