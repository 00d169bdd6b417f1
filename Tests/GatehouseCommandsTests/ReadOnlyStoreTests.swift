import Foundation
import Testing

/// The commands on stores that Gatehouse reads and others write.
@Suite struct ReadOnlyStoreTests {
    private static let value = "a-mounted-value-7Hq2"
    private let fixture: CommandFixture

    init() throws {
        fixture = try CommandFixture()
        try FileManager.default.createDirectory(atPath: fixture.path + "/mounted", withIntermediateDirectories: false)
        try Data((Self.value + "\n").utf8).write(to: URL(fileURLWithPath: fixture.path + "/mounted/coda"))
    }

    /// Makes one of them the live store.
    private func live(_ store: String) throws {
        let yaml = fixture.read("gatehouse.yaml").replacing(
            "  environment: { kind: env }",
            with: """
                  environment: { kind: env }
                  mounted: { kind: file, path: \(fixture.path)/mounted }
                  printed: { kind: exec, command: [cat, "\(fixture.path)/mounted/{token}"] }
                """
        ).replacing("store: sealed", with: "store: \(store)")
        try fixture.write(yaml, to: "gatehouse.yaml")
    }

    @Test(arguments: ["mounted", "printed"])
    func `a token is listed, given to a program, refused to be set, and moved into a sealed store`(
        store: String
    ) async throws {
        try live(store)
        let key = try await fixture.run("key", "generate", "--out", "\(fixture.path)/key")
        #expect(key.exit == 0)
        let list = try await fixture.run("token", "list")
        #expect(list.exit == 0 && list.output.contains("coda") && list.output.contains("/mounted/coda"))
        let ran = try await fixture.run("run", "--env", "T=coda", "--", "/bin/sh", "-c", "echo \"$T\"")
        #expect(ran.output == Self.value + "\n")
        let set = try await fixture.run("token", "set", "coda", input: "another-value\n")
        #expect(set.exit == 1 && set.errors.contains("cannot be written to"))
        let migrated = try await fixture.run("store", "migrate", store, "sealed")
        #expect(migrated.exit == 0, "\(migrated.errors)")
        let sealed = try await fixture.run("token", "show", "coda", "--store", "sealed")
        #expect(
            try await fixture.run("store", "migrate", "sealed", store).exit == 0,
            "what is there already is no change"
        )
        #expect(
            try await fixture.run("token", "rotate", "coda", "--store", "sealed", input: "the-next-value\n").exit == 0
        )
        for options in [[], ["--dry-run"]] {
            let back = try await fixture.run(["store", "migrate", "sealed", store] + options)
            #expect(back.exit == 1 && back.output.contains("the store cannot be written to"))
        }
        #expect(sealed.exit == 0)
        for outcome in [list, set, migrated, sealed] {
            #expect(!(outcome.output + outcome.errors).contains(Self.value))
        }
    }

    @Test(arguments: ["mounted", "printed"])
    func `a token that is not there is said with what to do`(store: String) async throws {
        try FileManager.default.removeItem(atPath: fixture.path + "/mounted/coda")
        try live(store)
        let list = try await fixture.run("token", "list")
        #expect(list.output.contains(store == "mounted" ? "there is no file" : "ended with the status 1"))
    }
}
