import Foundation
import Glibc
import Testing

@Suite("gatehouse backup and restore", .timeLimit(.minutes(3)))
struct BackupTests {
    /// With a token in version 1, three audited requests, and a backup of both in `saved`.
    private func saved() async throws -> (fixture: CommandFixture, archive: String) {
        let fixture = try CommandFixture()
        for name in ["key", "key2"] {
            #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/\(name)").exit == 0)
        }
        #expect(try await fixture.run("token", "set", "coda", input: "the-first-value").exit == 0)
        try fixture.recordRequests(count: 3, chained: true)
        let outcome = try await fixture.run("backup", "\(fixture.path)/saved")
        try #require(outcome.exit == 0, "\(outcome.errors)")
        let archive = outcome.output.trimmingCharacters(in: .newlines)
        return (fixture, archive)
    }

    private func version(_ fixture: CommandFixture) async throws -> String {
        try await fixture.run("token", "show", "coda", "--json").output
    }

    @Test func `what was saved comes back, and what was there stays beside it`() async throws {
        let (fixture, archive) = try await saved()
        let before = try await version(fixture)
        let events = try await fixture.run("audit", "query", "--json").output
        #expect(try await fixture.run("token", "rotate", "coda", input: "another-value").exit == 0)
        #expect(try await version(fixture) != before)
        let outcome = try await fixture.run("restore", "\(fixture.path)/saved", "--yes")
        #expect(outcome.exit == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains(archive) && outcome.errors.contains("replaces \(fixture.path)/tokens.db"))
        #expect(try await version(fixture) == before)
        #expect(try await fixture.run("audit", "query", "--json").output == events)
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.path)
        #expect(names.contains { $0.hasPrefix("tokens.db.before-") } && !names.contains { $0.hasSuffix(".restoring") })
    }

    @Test func `the archive is a tar that anybody can list, for its owner alone, without a secret`() async throws {
        let (fixture, archive) = try await saved()
        let list = try await fixture.run(["-tvf", archive], by: "/bin/tar")
        #expect(list.exit == 0, "\(list.errors)")
        for name in ["manifest.json", "manifest.seal", "tokens-sealed.db", "audit.db", "gatehouse.yaml"] {
            #expect(list.output.contains(name), "\(list.output)")
        }
        var status = stat()
        #expect(stat(archive, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        for secret in ["the-first-value", fixture.read("key").trimmingCharacters(in: .newlines)] {
            #expect(bytes.range(of: Data(secret.utf8)) == nil)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(fixture.path)/saved").count == 1)
    }

    @Test func `nobody who was not asked for a yes changes anything`() async throws {
        let (fixture, _) = try await saved()
        #expect(try await fixture.run("token", "rotate", "coda", input: "another-value").exit == 0)
        let before = try await version(fixture)
        let outcome = try await fixture.run("restore", "\(fixture.path)/saved")
        #expect(outcome.exit == 1 && outcome.errors.contains("nothing was changed"))
        #expect(try await version(fixture) == before)
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.path)
        #expect(!names.contains { $0.hasSuffix(".restoring") || $0.contains(".before-") })
    }

    /// A byte of each file, of the manifest's digest, or of the end is changed.
    @Test(arguments: ["database", "manifest", "header", "cut"])
    func `an archive that was changed is refused, and nothing else happens`(place: String) async throws {
        let (fixture, archive) = try await saved()
        let before = try await version(fixture)
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: archive)))
        let text = Data(bytes)
        switch place {
        case "database":
            let start = try #require(text.range(of: Data("SQLite format 3".utf8))).lowerBound
            bytes[start + 5000] ^= 1
        case "manifest":
            let start = try #require(text.range(of: Data("\"sha256\": \"".utf8))).upperBound
            bytes[start] = bytes[start] == 0x30 ? 0x31 : 0x30
        case "header": bytes[0] ^= 1
        case _: bytes.removeLast(2000)
        }
        try Data(bytes).write(to: URL(fileURLWithPath: archive))
        let outcome = try await fixture.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains(archive), "\(outcome.errors)")
        #expect(try await version(fixture) == before)
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.path)
        #expect(!names.contains { $0.hasSuffix(".restoring") || $0.contains(".before-") })
    }

    @Test func `what is no plain file in a tar is never unpacked`() async throws {
        let (fixture, _) = try await saved()
        try FileManager.default.createSymbolicLink(
            atPath: "\(fixture.path)/manifest.json",
            withDestinationPath: "/etc/passwd"
        )
        let script =
            "cd \(fixture.path) && tar --format=ustar -cf links.tar manifest.json && tar --format=ustar -cf paths.tar ./key"
        #expect(try await fixture.run(["-c", script], by: "/bin/sh").exit == 0)
        for name in ["links.tar", "paths.tar", "key", "gatehouse.yaml"] {
            let outcome = try await fixture.run("restore", "\(fixture.path)/\(name)", "--yes")
            #expect(outcome.exit == 1 && outcome.errors.contains("is no whole backup"), "\(name) \(outcome.errors)")
        }
    }

    @Test func `another installation's keys open nothing`() async throws {
        let (fixture, archive) = try await saved()
        let other = try CommandFixture()
        #expect(try await other.run("key", "generate", "--out", "\(other.path)/key").exit == 0)
        let outcome = try await other.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains("no master key of this configuration sealed"))
        _ = fixture
    }

    @Test func `it is made while an instance serves, and not put back under one`() async throws {
        let (fixture, archive) = try await saved()
        let log = "\(fixture.path)/serve.log"
        let pid = try fixture.start(["serve"], streams: ["/dev/null", log, log])
        defer { kill(pid, SIGKILL) }
        // There is nothing else to await from outside.
        while try await fixture.run("status").exit != 0 { try Task.checkCancellation() }
        let backup = try await fixture.run("backup", "\(fixture.path)/again", "--json")
        #expect(backup.exit == 0, "\(backup.errors)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(backup.output.utf8)) as? [String: Any])
        #expect((json["files"] as? [[String: Any]])?.isEmpty == false)
        let outcome = try await fixture.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains("an instance runs"), "\(outcome.errors)")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }
}
