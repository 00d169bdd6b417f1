import Foundation
import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite struct FileTokenStoreTests {
    private let folder: String
    private let fixture: StoreFixture

    init() throws {
        fixture = try StoreFixture()
        folder = fixture.directory + "/secrets"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    }

    private func write(_ value: String, to path: String) throws {
        try Data(value.utf8).write(to: URL(fileURLWithPath: folder + "/" + path))
    }

    private func store(_ names: TokenName...) -> FileTokenStore { FileTokenStore(names: Set(names), folder: folder) }

    private func loaded(_ store: FileTokenStore) async throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try await store.load().tokens.map { ($0.key.text, $0.value.secret.text) })
    }

    @Test func `one line end is no part of the token, however it is written`() async throws {
        try write("one\n", to: "coda")
        try write("two\r\n", to: "other")
        #expect(try await loaded(store(.coda, .other)) == ["coda": "one", "other": "two"])
    }

    @Test func `a file that no route names is never read`() async throws {
        try write("one", to: "coda")
        try write("a key", to: "master.key")
        #expect(try await loaded(store(.coda)) == ["coda": "one"])
        #expect(try await store(.coda).list().map(\.name) == [.coda])
    }

    /// Kubernetes mounts a folder of links through `..data`, and turns that one link when the secret changes.
    @Test func `links that are turned to another folder are followed`() async throws {
        for (version, value) in [("..1", "one"), ("..2", "two")] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(version)", withIntermediateDirectories: false)
            try write(value, to: "\(version)/coda")
        }
        func turn(to version: String) throws {
            try FileManager.default.createSymbolicLink(atPath: folder + "/..new", withDestinationPath: version)
            #expect(rename(folder + "/..new", folder + "/..data") == 0)
        }
        try turn(to: "..1")
        try FileManager.default.createSymbolicLink(atPath: folder + "/coda", withDestinationPath: "..data/coda")
        let store = store(.coda)
        let first = try await store.changeStamp()
        #expect(try await store.changeStamp() == first)
        #expect(try await loaded(store) == ["coda": "one"])
        try turn(to: "..2")
        #expect(try await store.changeStamp() != first)
        #expect(try await loaded(store) == ["coda": "two"])
    }

    @Test func `a folder that has gone takes no token with it`() async throws {
        try write("one", to: "coda")
        let stage = Stage()
        let refresher = TokenRefresher(store: store(.coda), surroundings: stage.surroundings) { stage.take($0) }
        await refresher.refreshNow()
        try FileManager.default.moveItem(atPath: folder, toPath: folder + ".away")
        await refresher.refreshNow()
        #expect(refresher.state.error?.code == .unavailable)
        #expect(refresher.state.error?.message.contains(folder) == true)
        #expect(stage.snapshots == [["coda": "one"]])
        try FileManager.default.moveItem(atPath: folder + ".away", toPath: folder)
        // A file that has gone is a token that has gone.
        try FileManager.default.removeItem(atPath: folder + "/coda")
        await refresher.refreshNow()
        #expect(refresher.state.error == nil && refresher.state.problems.map(\.error.code) == [.notFound])
    }

    @Test func `what is no file, or too long, or empty, is an error that names the place alone`() async throws {
        try FileManager.default.createDirectory(atPath: folder + "/a-folder", withIntermediateDirectories: false)
        #expect(mkfifo(folder + "/a-pipe", 0o600) == 0)
        try write(String(repeating: "s", count: SecretSource.maximumLength + 1), to: "long")
        try write("", to: "empty")
        try write("sssss\nsssss", to: "lines")
        let names = ["a-folder", "a-pipe", "long", "empty", "lines"].map { TokenName.name($0) }
        let load = try await FileTokenStore(names: Set(names), folder: folder).load()
        #expect(load.tokens.isEmpty && load.problems.count == names.count)
        for problem in load.problems {
            #expect(problem.error.code == .invalidValue)
            #expect(problem.error.message.contains("\(folder)/\(problem.name)"), "\(problem.error)")
            #expect(!problem.error.message.contains("sssss"))
        }
    }

    @Test func `nothing is written, and the error says what to do instead`() async throws {
        let store = store(.coda)
        #expect(store.capabilities == [])
        let error = await #expect(throws: TokenError.self) { try await store.set(.coda, "one") }
        #expect(error?.code == .unsupported)
        #expect(error?.hint?.contains("write \(folder)/coda anew") == true)
    }
}
