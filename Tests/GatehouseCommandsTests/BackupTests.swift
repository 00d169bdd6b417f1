import Foundation
import Glibc
import Testing

@Suite("gatehouse backup and restore", .timeLimit(.minutes(3)))
struct BackupTests {
    /// With a token in version 1, three audited requests, and a backup of both in `saved`.
    private func saved() async throws -> (workplace: Workplace, archive: String) {
        let workplace = try Workplace()
        for name in ["key", "key2"] {
            #expect(try await workplace.run("key", "generate", "--out", "\(workplace.path)/\(name)").exit == 0)
        }
        #expect(try await workplace.run("token", "set", "coda", input: "the-first-value").exit == 0)
        try workplace.recordRequests(count: 3, chained: true)
        let outcome = try await workplace.run("backup", "\(workplace.path)/saved")
        try #require(outcome.exit == 0, "\(outcome.errors)")
        let archive = outcome.output.trimmingCharacters(in: .newlines)
        return (workplace, archive)
    }

    private func version(_ workplace: Workplace) async throws -> String {
        try await workplace.run("token", "show", "coda", "--json").output
    }

    @Test func `what was saved comes back, and what was there stays beside it`() async throws {
        let (workplace, archive) = try await saved()
        let before = try await version(workplace)
        let events = try await workplace.run("audit", "query", "--json").output
        #expect(try await workplace.run("token", "rotate", "coda", input: "another-value").exit == 0)
        #expect(try await version(workplace) != before)
        let outcome = try await workplace.run("restore", "\(workplace.path)/saved", "--yes")
        #expect(outcome.exit == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains(archive) && outcome.errors.contains("replaces \(workplace.path)/tokens.db"))
        #expect(try await version(workplace) == before)
        #expect(try await workplace.run("audit", "query", "--json").output == events)
        let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
        #expect(names.contains { $0.hasPrefix("tokens.db.before-") } && !names.contains { $0.hasSuffix(".restoring") })
    }

    @Test func `the archive is a tar that anybody can list, for its owner alone, without a secret`() async throws {
        let (workplace, archive) = try await saved()
        let list = try await workplace.run(["-tvf", archive], by: "/bin/tar")
        #expect(list.exit == 0, "\(list.errors)")
        for name in ["manifest.json", "manifest.seal", "tokens-sealed.db", "audit.db", "gatehouse.yaml"] {
            #expect(list.output.contains(name), "\(list.output)")
        }
        var status = stat()
        #expect(stat(archive, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: archive))
        for secret in ["the-first-value", workplace.read("key").trimmingCharacters(in: .newlines)] {
            #expect(bytes.range(of: Data(secret.utf8)) == nil)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(workplace.path)/saved").count == 1)
    }

    @Test func `nobody who was not asked for a yes changes anything`() async throws {
        let (workplace, _) = try await saved()
        #expect(try await workplace.run("token", "rotate", "coda", input: "another-value").exit == 0)
        let before = try await version(workplace)
        let outcome = try await workplace.run("restore", "\(workplace.path)/saved")
        #expect(outcome.exit == 1 && outcome.errors.contains("nothing was changed"))
        #expect(try await version(workplace) == before)
        let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
        #expect(!names.contains { $0.hasSuffix(".restoring") || $0.contains(".before-") })
    }

    /// A byte of each file, of the manifest's digest, or of the end is changed.
    @Test(arguments: ["database", "manifest", "header", "cut"])
    func `an archive that was changed is refused, and nothing else happens`(place: String) async throws {
        let (workplace, archive) = try await saved()
        let before = try await version(workplace)
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
        let outcome = try await workplace.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains(archive), "\(outcome.errors)")
        #expect(try await version(workplace) == before)
        let names = try FileManager.default.contentsOfDirectory(atPath: workplace.path)
        #expect(!names.contains { $0.hasSuffix(".restoring") || $0.contains(".before-") })
    }

    @Test func `what is no plain file in a tar is never unpacked`() async throws {
        let (workplace, _) = try await saved()
        try FileManager.default.createSymbolicLink(
            atPath: "\(workplace.path)/manifest.json",
            withDestinationPath: "/etc/passwd"
        )
        let script =
            "cd \(workplace.path) && tar --format=ustar -cf links.tar manifest.json && tar --format=ustar -cf paths.tar ./key"
        #expect(try await workplace.run(["-c", script], by: "/bin/sh").exit == 0)
        for name in ["links.tar", "paths.tar", "key", "gatehouse.yaml"] {
            let outcome = try await workplace.run("restore", "\(workplace.path)/\(name)", "--yes")
            #expect(outcome.exit == 1 && outcome.errors.contains("is no whole backup"), "\(name) \(outcome.errors)")
        }
    }

    @Test func `another installation's keys open nothing`() async throws {
        let (workplace, archive) = try await saved()
        let other = try Workplace()
        #expect(try await other.run("key", "generate", "--out", "\(other.path)/key").exit == 0)
        let outcome = try await other.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains("no master key of this configuration sealed"))
        _ = workplace
    }

    @Test func `it is made while an instance serves, and not put back under one`() async throws {
        let (workplace, archive) = try await saved()
        let plain = workplace.read("gatehouse.yaml").replacing(#/, (tools|prompts|resources): \[[^\]]*\]/#, with: "")
        try workplace.write(plain, to: "gatehouse.yaml")
        let log = "\(workplace.path)/serve.log"
        let pid = try workplace.start(["serve"], streams: ["/dev/null", log, log])
        defer { kill(pid, SIGKILL) }
        // There is nothing else to await from outside.
        while try await workplace.run("status").exit != 0 { try Task.checkCancellation() }
        let backup = try await workplace.run("backup", "\(workplace.path)/again", "--json")
        #expect(backup.exit == 0, "\(backup.errors)")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(backup.output.utf8)) as? [String: Any])
        #expect((json["files"] as? [[String: Any]])?.isEmpty == false)
        let outcome = try await workplace.run("restore", archive, "--yes")
        #expect(outcome.exit == 1 && outcome.errors.contains("an instance runs"), "\(outcome.errors)")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }
}
