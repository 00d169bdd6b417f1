import Foundation
import GatehouseCore
@testable import GatehouseTokens
import SQLiteClient
import Synchronization
import Testing

@Suite("Break-glass credentials") struct BearerStoreTests {
    static let start: Int64 = 1_764_000_000

    let fixture: StoreFixture
    let clock = MovingClock(BearerStoreTests.start)

    init() throws { fixture = try StoreFixture() }

    private func store(_ key: String = "instance key") -> BearerStore {
        BearerStore(path: fixture.file, keys: PurposeKeys(current: Secret(key)), clock: clock)
    }

    private func change() throws -> TokenChange { try TokenChange(actor: "david", note: "Access is out") }

    private func verdict(_ snapshot: BearerSnapshot, _ text: BearerText) -> String {
        text.secret.withUnsafeBytes { bytes in
            switch snapshot.verdict(on: bytes, at: clock.now()) {
            case .verified(let caller): "\(caller.principal.kind) \(caller.principal.name)"
            case .refused(let reason): reason.rawValue
            case .barred: "barred"
            case .undecided: "undecided"
            }
        }
    }

    @Test func `one that is issued is known, to the routes that it names, until it ends`() async throws {
        let store = store()
        let (text, summary) = try await store.issue(
            .name("night"),
            for: [.coda, .other],
            lasting: .seconds(3600),
            change()
        )
        #expect(summary.status == .live && summary.routes == [.coda, .other] && summary.issuedBy == "david")
        let snapshot = try await store.load(keeping: [:])
        #expect(verdict(snapshot, text) == "bearer night")
        let caller = try #require(snapshot.bearers.first?.caller)
        #expect(caller.mayUse(.coda) && caller.mayUse(.other) && !caller.mayUse(.name("third")))
        #expect(caller.principal.subject == summary.id && caller.keyID.isEmpty)
        #expect(verdict(snapshot, BearerText.generate()) == "bearer_unknown")
        clock.advance(3600)
        #expect(verdict(snapshot, text) == "bearer_expired")
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer_expired")
        clock.advance(86_400)
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer_unknown")
        #expect(try await store.list().map(\.status) == [.expired])
    }

    /// A row as whoever has a key and can write the file makes it.
    private func plant(_ text: BearerText, from: Int64, to: Int64, under key: String = "instance key") throws {
        let digest = text.digest
        let record = BearerRecord(
            id: digest.id,
            name: "mallory",
            digest: digest.bytes,
            routes: "coda",
            issuedAt: from * 1_000_000,
            expiresAt: to &* 1_000_000,
            issuedBy: "",
            note: "",
            revokedAt: nil,
            revokedBy: ""
        )
        let database = try SQLiteConnection(path: fixture.file)
        try database.migrate("bearers", through: SQLiteConnection.bearerSchema)
        try database.replace(record, seal: record.sealed(under: PurposeKeys(current: Secret(key))))
    }

    @Test(
        arguments: [
            (0, 10 * 365 * 86_400), (0, 7 * 86_400 + 1), (86_400, 8 * 86_400), (0, -1), (301, 302),
            (-Self.start, 9_000_000_000_000), (0, Int64.max / 1_000_000 - Self.start),
        ] as [(Int64, Int64)]
    )
    func `a credential that lasts longer than one may is taken by nobody, whatever sealed it`(
        _ from: Int64,
        _ to: Int64
    ) async throws {
        let text = BearerText.generate()
        try plant(text, from: Self.start + from, to: Self.start + to)
        #expect(verdict(try await store().load(keeping: [:]), text) == "bearer_unknown")
        #expect(try await store().list().map(\.status) == [.untrusted])
    }

    @Test func `the longest that may be issued is taken`() async throws {
        let text = BearerText.generate()
        try plant(text, from: Self.start, to: Self.start + 7 * 86_400)
        #expect(verdict(try await store().load(keeping: [:]), text) == "bearer mallory")
    }

    @Test func `a retired key vouches for none, and those alive are put under the first one before`() async throws {
        let (text, _) = try await store("old").issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        let ended = Mutex(false)
        let store = BearerStore(
            path: fixture.file,
            keys: ended.withLock { $0 }
                ? PurposeKeys(
                    current: Secret("new"),
                    ended: [.init(key: Secret("old"), at: Timestamp(seconds: Self.start))]
                )
                : PurposeKeys(current: Secret("new"), older: [Secret("old")]),
            clock: clock
        )
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer night")
        #expect(try await store.reseal() == 1)
        #expect(try await store.reseal() == 0)
        let before = try await store.changeStamp()
        ended.withLock { $0 = true }
        #expect(try await store.changeStamp() != before, "a process that runs reads them again")
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer night")
        // Somebody who has the old key, also with a time before its end.
        for shift in [-60, 0, 60] as [Int64] {
            let planted = BearerText.generate()
            try plant(planted, from: Self.start + shift, to: Self.start + 3600, under: "old")
            #expect(verdict(try await store.load(keeping: [:]), planted) == "bearer_unknown")
        }
    }

    @Test func `the file holds a digest and never the credential`() async throws {
        let (text, _) = try await store().issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        let words = text.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        let bytes = try fixture.bytes()
        #expect(bytes.range(of: Data("night".utf8)) != nil)
        #expect(bytes.range(of: Data(words.utf8)) == nil)
        #expect(bytes.range(of: Data(words.dropFirst(3).prefix(64).utf8)) == nil)
        #expect("\(text)\(text.secret)".contains(words) == false)
    }

    @Test func `one that is revoked opens nothing, and its name is free again`() async throws {
        let store = store()
        let (text, summary) = try await store.issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        await #expect(throws: TokenError.self) {
            try await store.issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        }
        let ended = try await store.revoke("night", change())
        #expect(ended.map(\.id) == [summary.id] && ended.map(\.status) == [.revoked])
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer_unknown")
        await #expect(throws: TokenError.self) { try await store.revoke("night", change()) }
        let (second, other) = try await store.issue(.name("night"), for: [.coda], lasting: .seconds(60), change())
        #expect(verdict(try await store.load(keeping: [:]), second) == "bearer night")
        #expect(try await store.revoke(other.id, change()).map(\.name) == ["night"])
    }

    @Test func `lifetimes and numbers are bounded`() async throws {
        let store = store()
        for lifetime in [Duration.seconds(59), .seconds(7 * 86_400 + 1), .zero] {
            await #expect(throws: TokenError.self) {
                try await store.issue(.name("a"), for: [.coda], lasting: lifetime, change())
            }
        }
        await #expect(throws: TokenError.self) {
            try await store.issue(.name("a"), for: [], lasting: .seconds(60), change())
        }
        for number in 0..<BearerStore.maximumLive {
            _ = try await store.issue(.name("b\(number)"), for: [.coda], lasting: .seconds(60), change())
        }
        do {
            _ = try await store.issue(.name("one-more"), for: [.coda], lasting: .seconds(60), change())
            Issue.record("there is room for one more")
        } catch let error as TokenError {
            #expect(error.code == .limit)
        }
        clock.advance(60)
        _ = try await store.issue(.name("one-more"), for: [.coda], lasting: .seconds(60), change())
        #expect(try await store.list().count { $0.status == .live } == 1)
    }

    /// Changes by an attacker who can write to the file and has no key.
    @Test(arguments: [
        "UPDATE bearers SET routes = 'coda,other'", "UPDATE bearers SET expires_at = expires_at + 1000000",
        "UPDATE bearers SET name = 'david'", "UPDATE bearers SET digest = zeroblob(32)",
        "UPDATE bearers SET id = '0123456789abcdef'", "UPDATE bearers SET issued_by = 'boss'",
        "UPDATE bearers SET note = 'all is well'", "UPDATE bearers SET issued_at = 1",
        "UPDATE bearers SET revoked_by = 'x'", "UPDATE bearers SET seal = x''",
        "UPDATE bearers SET seal = CAST('GHB2' || substr(seal, 5) AS BLOB)",
        "INSERT INTO bearers SELECT 'fedcba9876543210', 'evil', digest, 'coda', issued_at, expires_at, '', '', NULL, '', seal FROM bearers; DELETE FROM bearers WHERE name = 'night'",
    ])
    func `a row that was changed outside opens nothing and is shown so`(script: String) async throws {
        let (text, _) = try await store().issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        try fixture.sql(script)
        let fresh = store()
        #expect(verdict(try await fresh.load(keeping: [:]), text) == "bearer_unknown")
        let list = try await fresh.list()
        #expect(list.map(\.status) == [.untrusted])
        // Revoking clears it away.
        _ = try await fresh.revoke(try #require(list.first?.id), change())
        #expect(try await fresh.list().isEmpty)
    }

    @Test(arguments: ["name", "routes", "issued_by", "note", "revoked_by"])
    func `a text longer than any is not read`(column: String) async throws {
        _ = try await store().issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        try fixture.sql("UPDATE bearers SET \(column) = printf('%.*c', 70000, 'x')")
        let row = try #require(try SQLiteConnection(path: fixture.file).bearers().first).record
        let texts = [row.name, row.routes, row.issuedBy, row.note, row.revokedBy]
        #expect(texts.allSatisfy { $0.utf8.count < 64 })
        #expect(try await store().list().map(\.status) == [.untrusted])
    }

    @Test(arguments: ["digest", "seal"])
    func `bytes longer than any are not read`(column: String) async throws {
        _ = try await store().issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        try fixture.sql("UPDATE bearers SET \(column) = zeroblob(70000)")
        let row = try #require(try SQLiteConnection(path: fixture.file).bearers().first)
        #expect(row.record.digest.count <= 32 && row.seal.count < 64)
        #expect(try await store().list().map(\.status) == [.untrusted])
    }

    @Test func `a revocation that was seen cannot be taken back in the file`() async throws {
        let store = store()
        let (text, _) = try await store.issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        try fixture.sql("CREATE TABLE copy AS SELECT * FROM bearers")
        _ = try await store.revoke("night", change())
        try fixture.sql("DELETE FROM bearers; INSERT INTO bearers SELECT * FROM copy")
        #expect(verdict(try await store.load(keeping: [:]), text) == "bearer_unknown")
        #expect(try await store.list().map(\.status) == [.revoked])
    }

    @Test func `an older key of the instance still checks, a foreign one does not`() async throws {
        let (text, _) = try await store("old").issue(.name("night"), for: [.coda], lasting: .seconds(3600), change())
        let rotated = PurposeKeys(current: Secret("new"), older: [Secret("old")])
        let both = BearerStore(path: fixture.file, keys: rotated, clock: clock)
        #expect(verdict(try await both.load(keeping: [:]), text) == "bearer night")
        #expect(verdict(try await store("new").load(keeping: [:]), text) == "bearer_unknown")
    }

    @Test func `what is no credential at all is not looked up`() throws {
        let good = BearerText.generate().secret.withUnsafeBytes { Array($0) }
        func isWellFormed(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { BearerText.isWellFormed($0) } }
        #expect(isWellFormed(good))
        #expect(good.starts(with: "gh_".utf8) && good.count == BearerText.length)
        #expect(!isWellFormed([]) && !isWellFormed(good.dropLast()) && !isWellFormed(good + [0x30]))
        for index in good.indices {
            var changed = good
            changed[index] = changed[index] == 0x61 ? 0x62 : 0x61
            #expect(!isWellFormed(changed), "at \(index)")
            changed[index] = good[index] & 0xDF
            #expect(changed == good || !isWellFormed(changed), "at \(index)")
        }
    }
}

final class MovingClock: WallClock {
    private let seconds: Atomic<Int64>
    init(_ seconds: Int64) { self.seconds = Atomic(seconds) }
    func now() -> Timestamp { Timestamp(seconds: seconds.load(ordering: .relaxed)) }
    func advance(_ count: Int64) { seconds.add(count, ordering: .relaxed) }
}
