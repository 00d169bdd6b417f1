import Foundation
import GatehouseConfig
import GatehouseCore
import GatehouseTokens
import Glibc
import Testing

@testable import GatehouseServer

@Suite("The instance's own keys")
struct InstanceKeysTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/gatehouse-keys.XXXXXX".utf8CString)
        folder = String(cString: try #require(mkdtemp(&template)))
    }

    private func configuration(store: String) throws -> Configuration {
        let path = "\(folder)/\(store).yaml"
        try write(
            """
            version: 1
            access: { team: example }
            stores:
              phase1: { kind: env }
              local: { kind: sqlite, path: \(folder)/g.db, master_keys: [ { file: \(folder)/key } ] }
            store: \(store)
            audit: { spool: \(folder)/spool, sink: { kind: none } }
            routes:
              - { name: a, host: a.example.com, audience: [x], upstream: "http://127.0.0.1:1" }
            """,
            to: path
        )
        return try Configuration.read(path: path)
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }

    private func writeMasterKey() throws {
        let key = MasterKey.generate().encoded.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        try write(key, to: "\(folder)/key")
    }

    @Test func `a store without master keys gets a key of the machine's own, once, for its owner only`() async throws {
        let configuration = try configuration(store: "phase1")
        let first = try await InstanceKeys.made(for: configuration).keys(for: .session)
        #expect(first.older.isEmpty)
        let again = try await InstanceKeys(configuration)
        #expect(again.keys(for: .session).current == first.current)
        var status = stat()
        #expect(stat("\(folder)/spool/instance-key", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `who only reads makes no key, and says who does`() async throws {
        let configuration = try configuration(store: "phase1")
        let error = await #expect(throws: GatehouseError.self) { try await InstanceKeys(configuration) }
        #expect(error?.hint?.contains("gatehouse serve") == true)
        #expect(access("\(folder)/spool", F_OK) != 0, "nothing was made on the way")
    }

    /// The same folder, after its change to a store with master keys.
    private func sealed() throws -> Configuration {
        if access("\(folder)/key", F_OK) != 0 { try writeMasterKey() }
        return try configuration(store: "local")
    }

    @Test func `a key in the spool counts for nothing beside master keys, for any purpose`() async throws {
        let own = try await InstanceKeys.made(for: configuration(store: "phase1"))
        let keys = try await InstanceKeys(sealed())
        for purpose in InstanceKeys.Purpose.allCases {
            let (mine, theirs) = (keys.keys(for: purpose), own.keys(for: purpose).current)
            #expect(!(mine.all + mine.ended.map(\.key)).contains(theirs), "\(purpose)")
        }
        #expect(keys.strangeKey == own.current)
        // In the way back it is in use again, and what was made meanwhile is checked.
        let back = try await InstanceKeys(configuration(store: "phase1")).keys(for: .auditChain)
        #expect(back.current == own.keys(for: .auditChain).current)
        #expect(back.older == [keys.keys(for: .auditChain).current])
    }

    @Test func `a key that an operator adopted opens what is older than that, and makes nothing`() async throws {
        let own = try await InstanceKeys.made(for: configuration(store: "phase1"))
        let (now, sealed) = (Timestamp(seconds: 1_800_000_000), try sealed())
        // A key whose id the operator does not know is not adopted by mistake.
        for id in [nil, "0011223344556677"] {
            let error = await #expect(throws: GatehouseError.self) { try await InstanceKeys.adopt(id, sealed, at: now) }
            #expect(error?.hint?.contains(own.current.description) == true)
        }
        #expect(try await InstanceKeys.adopt(own.current.description, sealed, at: now) == own.current)
        let keys = try await InstanceKeys(sealed)
        #expect(keys.strangeKey == nil)
        for purpose in InstanceKeys.Purpose.allCases {
            let mine = keys.keys(for: purpose)
            #expect(!mine.all.contains(own.keys(for: purpose).current))
            #expect(mine.ended.map(\.key) == [own.keys(for: purpose).current])
            #expect(mine.ended.map(\.at) == [now])
        }
    }

    @Test func `an adoption that no master key sealed, or of another key, counts for nothing`() async throws {
        _ = try await InstanceKeys.made(for: configuration(store: "phase1"))
        let sealed = try sealed()
        let file = InstanceKeyFile(folder: "\(folder)/spool")
        let planted = try file.read()
        // Whoever can write the spool, with a key of theirs.
        let theirs = try MasterKeyring([MasterKey.generate()])
        try file.adopt(planted, until: Timestamp(seconds: 2_000_000_000), under: theirs)
        #expect(try await InstanceKeys(sealed).strangeKey == planted.id)
        // A genuine one, with its time changed, or beside another key.
        _ = try await InstanceKeys.adopt(planted.id.description, sealed, at: Timestamp(seconds: 1_800_000_000))
        let text = try SecretSource.file(file.adoptionPath).read().withUnsafeBytes {
            String(decoding: $0, as: UTF8.self)
        }
        try write(text.replacing("1800000000000000", with: "1900000000000000"), to: file.adoptionPath)
        #expect(try await InstanceKeys(sealed).strangeKey == planted.id)
        try write(text, to: file.adoptionPath)
        #expect(try await InstanceKeys(sealed).strangeKey == nil)
        unlink(file.path)
        try file.make()
        #expect(try await InstanceKeys(sealed).strangeKey == (try file.read().id))
        for junk in ["", "gatehouse-adopted-key 1", String(repeating: "x", count: 100_000), "a b c d e\n"] {
            try write(junk, to: file.adoptionPath)
            #expect(try await InstanceKeys(sealed).strangeKey != nil)
        }
    }

    @Test func `a key that others may read or write, or that is no file, is refused`() async throws {
        let configuration = try configuration(store: "phase1")
        _ = try await InstanceKeys.made(for: configuration)
        let path = "\(folder)/spool/instance-key"
        for mode in [0o640, 0o620, 0o604, 0o602, 0o666] as [mode_t] {
            chmod(path, mode)
            let error = await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
            #expect(error?.message.contains("mode \(String(mode, radix: 8))") == true)
            await #expect(throws: TokenError.self) { try await InstanceKeys.made(for: configuration) }
        }
        chmod(path, 0o600)
        if geteuid() == 0 {
            chown(path, 4242, 4242)
            await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
            // Root looks after another user's spool.
            chown("\(folder)/spool", 4242, 4242)
            _ = try await InstanceKeys(configuration)
            chown("\(folder)/spool", 0, 0)
            chown(path, 0, 0)
        }
        rename(path, "\(folder)/elsewhere")
        symlink("\(folder)/elsewhere", path)
        await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
        unlink(path)
        mkfifo(path, 0o600)
        let error = await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
        #expect(error?.message.hasSuffix("is not a regular file") == true)
    }

    @Test func `a file that cannot be used is in nobody's way beside master keys`() async throws {
        let sealed = try sealed()
        mkdir("\(folder)/spool", 0o700)
        for text in ["", "ghk1_nonsense"] {
            try write(text, to: "\(folder)/spool/instance-key")
            let keys = try await InstanceKeys(sealed)
            #expect(keys.keys(for: .bearer).all.count == 1)
        }
    }

    /// The store with two keys, the new one first.
    private func rotating() throws -> Configuration {
        try writeMasterKey()
        rename("\(folder)/key", "\(folder)/old")
        try writeMasterKey()
        let path = "\(folder)/rotating.yaml"
        try write(
            """
            version: 1
            access: { team: example }
            stores:
              local: { kind: sqlite, path: \(folder)/g.db, master_keys: [ { file: \(folder)/key }, { file: \(folder)/old } ] }
            store: local
            audit: { spool: \(folder)/spool, sink: { kind: none } }
            routes:
              - { name: a, host: a.example.com, audience: [x], upstream: "http://127.0.0.1:1" }
            """,
            to: path
        )
        return try Configuration.read(path: path)
    }

    @Test func `a key that was retired checks nothing that has no time of its own`() async throws {
        let configuration = try rotating()
        let before = try await InstanceKeys(configuration)
        #expect(before.keys(for: .bearer).older.count == 1)
        let store = try #require(
            try StoreAssembly.store(configuration.store.settings, names: []) as? SealedTokenStore
        )
        let report = try await store.rewrap()
        #expect(report.ended.count == 1)
        let after = try await InstanceKeys(configuration)
        for purpose in InstanceKeys.Purpose.allCases {
            let keys = after.keys(for: purpose)
            #expect(keys.older.isEmpty)
            #expect(keys.ended.map(\.key) == before.keys(for: purpose).older)
        }
        // And in a process that began before, as soon as its store says so.
        #expect(before.keys(for: .bearer, ended: store.knownKeyEnds).older.isEmpty)
    }

    @Test func `the audit's keys outlive the master key, and no others`() async throws {
        let configuration = try rotating()
        let before = try await InstanceKeys(configuration)
        let store = try #require(
            try StoreAssembly.store(configuration.store.settings, names: []) as? SealedTokenStore
        )
        _ = try await store.rewrap(keeping: InstanceKeys.keptPurposes.map(\.rawValue))
        unlink("\(folder)/old")
        let text = try String(contentsOfFile: "\(folder)/rotating.yaml", encoding: .utf8)
        try write(text.replacing(", { file: \(folder)/old }", with: ""), to: "\(folder)/alone.yaml")
        let alone = try Configuration.read(path: "\(folder)/alone.yaml")
        let after = try await InstanceKeys(alone)
        for purpose in InstanceKeys.Purpose.allCases {
            let keys = after.keys(for: purpose)
            #expect(keys.older.isEmpty)
            let isKept = InstanceKeys.keptPurposes.contains(purpose)
            #expect(keys.ended.map(\.key) == (isKept ? before.keys(for: purpose).older : []))
        }
    }

    @Test func `a store that does not say which keys are retired leaves only the first one`() async throws {
        let configuration = try rotating()
        try write("no database", to: "\(folder)/g.db")
        await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
        let keys = try await InstanceKeys.made(for: configuration)
        #expect(keys.problem != nil)
        #expect(keys.keys(for: .session).all.count == 1)
    }

    @Test func `no two purposes share a key`() async throws {
        let keys = try await InstanceKeys.made(for: configuration(store: "phase1"))
        let all = InstanceKeys.Purpose.allCases.map { keys.keys(for: $0).current }
        for (index, key) in all.enumerated() { #expect(!all[..<index].contains(key)) }
    }

    @Test func `a key that is damaged is refused and not replaced`() async throws {
        let configuration = try configuration(store: "phase1")
        _ = try await InstanceKeys.made(for: configuration)
        try write("ghk1_nonsense", to: "\(folder)/spool/instance-key")
        await #expect(throws: TokenError.self) { try await InstanceKeys(configuration) }
        await #expect(throws: TokenError.self) { try await InstanceKeys.made(for: configuration) }
    }
}
