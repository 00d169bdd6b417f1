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

    @Test func `a store without master keys gets a key of the machine's own, once, for its owner only`() throws {
        let configuration = try configuration(store: "phase1")
        let first = try InstanceKeys.made(for: configuration).keys(for: .session)
        #expect(first.older.isEmpty)
        #expect(try InstanceKeys(configuration).keys(for: .session).current == first.current)
        var status = stat()
        #expect(stat("\(folder)/spool/instance-key", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `who only reads makes no key, and says who does`() throws {
        let configuration = try configuration(store: "phase1")
        let error = #expect(throws: GatehouseError.self) { try InstanceKeys(configuration) }
        #expect(error?.hint?.contains("gatehouse serve") == true)
        #expect(access("\(folder)/spool", F_OK) != 0, "nothing was made on the way")
    }

    @Test func `a sealed store's master key comes first, and what was before keeps checking`() throws {
        let own = try InstanceKeys.made(for: configuration(store: "phase1")).keys(for: .auditChain)
        try writeMasterKey()
        let sealed = try InstanceKeys(configuration(store: "local")).keys(for: .auditChain)
        #expect(sealed.current != own.current)
        #expect(sealed.older == [own.current])
        let back = try InstanceKeys(configuration(store: "phase1")).keys(for: .auditChain)
        #expect(back.current == own.current)
        #expect(back.older == [sealed.current])
    }

    @Test func `no two purposes share a key`() throws {
        let keys = try InstanceKeys.made(for: configuration(store: "phase1"))
        let all = InstanceKeys.Purpose.allCases.map { keys.keys(for: $0).current }
        for (index, key) in all.enumerated() { #expect(!all[..<index].contains(key)) }
    }

    @Test func `a key that is damaged is refused and not replaced`() throws {
        let configuration = try configuration(store: "phase1")
        _ = try InstanceKeys.made(for: configuration)
        try write("ghk1_nonsense", to: "\(folder)/spool/instance-key")
        #expect(throws: TokenError.self) { try InstanceKeys(configuration) }
        #expect(throws: TokenError.self) { try InstanceKeys.made(for: configuration) }
    }
}
