import Foundation
import Glibc
import Testing

/// `gatehouse route add`, as several people and root run it.
@Suite("Adding routes to the file", .timeLimit(.minutes(2)))
struct RouteAddTests {
    private func add(_ fixture: CommandFixture, _ name: String) async throws -> Command.Outcome {
        try await fixture.run(
            "route",
            "add",
            name,
            "--host",
            "\(name).example.com",
            "--upstream",
            "http://127.0.0.1:1",
            "--audience",
            CommandFixture.audience
        )
    }

    @Test func `routes that are added at once are all there`() async throws {
        let fixture = try CommandFixture()
        let names = (0..<20).map { "added-\($0)" }
        try await withThrowingTaskGroup(of: Command.Outcome.self) { group in
            for name in names { group.addTask { try await add(fixture, name) } }
            for try await outcome in group { #expect(outcome.exit == 0, "\(outcome.errors)") }
        }
        let yaml = fixture.read("gatehouse.yaml")
        for name in names { #expect(yaml.contains("- name: \(name)\n"), "\(name) was lost") }
        #expect(try await fixture.run("check").exit == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: fixture.path).filter { $0.hasSuffix(".new") }
        #expect(left.isEmpty)
    }

    /// A file that root takes over, its service can read no more.
    @Test(
        .enabled(if: getuid() == 0, "only root may change somebody else's file"),
        arguments: [0o600, 0o640] as [mode_t]
    )
    func `the file stays its owner's, with its mode`(mode: mode_t) async throws {
        let fixture = try CommandFixture()
        let path = "\(fixture.path)/gatehouse.yaml"
        chmod(path, mode)
        chown(path, 12_345, 12_346)
        #expect(try await add(fixture, "added").exit == 0)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_uid == 12_345 && status.st_gid == 12_346 && status.st_mode & 0o777 == mode)
        #expect(fixture.read("gatehouse.yaml").contains("- name: added\n"))
    }

    /// As of a file that is mounted by itself: renaming over it is refused.
    @Test(.enabled(if: getuid() == 0, "only root may mount"))
    func `a file that cannot be replaced is written in its place`() async throws {
        let fixture = try CommandFixture()
        let path = "\(fixture.path)/gatehouse.yaml"
        var before = stat()
        stat(path, &before)
        // A mount of its own: gone with the shell.
        let outcome = try await fixture.run(
            [
                "-m", "sh", "-c",
                "mount --bind $1 $1 && exec \"$0\" route add added --host a.example.com --upstream http://127.0.0.1:1 --audience \(CommandFixture.audience)",
                Command.binary, path,
            ],
            by: "/usr/bin/unshare",
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        #expect(outcome.exit == 0, "\(outcome.errors)")
        var after = stat()
        #expect(stat(path, &after) == 0 && after.st_ino == before.st_ino)
        #expect(fixture.read("gatehouse.yaml").contains("- name: added\n"))
        #expect(try await fixture.run("check").exit == 0)
    }

    /// As in a container whose root is read-only, and the file mounted by itself.
    @Test(.enabled(if: getuid() == 0, "only root may mount"))
    func `a file whose folder cannot be written is written in its place`() async throws {
        let fixture = try CommandFixture()
        let folder = "\(fixture.path)/etc"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        try fixture.write(fixture.read("gatehouse.yaml"), to: "etc/gatehouse.yaml")
        let file = "\(folder)/gatehouse.yaml"
        let mounts = "mount --bind $1 $1 && mount --bind $2 $2 && mount -o remount,bind,ro $1"
        // Mounts of its own: gone with the shell.
        let outcome = try await fixture.run(
            [
                "-m", "sh", "-c",
                "\(mounts) && ! touch $1/new && exec \"$0\" route add added --host a.example.com --upstream http://127.0.0.1:1 --audience \(CommandFixture.audience) --config $2",
                Command.binary, folder, file,
            ],
            by: "/usr/bin/unshare",
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        #expect(outcome.exit == 0, "\(outcome.errors)")
        #expect(fixture.read("etc/gatehouse.yaml").contains("- name: added\n"))
        #expect(try await fixture.run("check", "--config", file).exit == 0)
    }
}

/// `gatehouse route list`, `show` and `remove`.
@Suite("Routes in the file", .timeLimit(.minutes(2)))
struct RouteFileTests {
    private func fixture() throws -> CommandFixture {
        let fixture = try CommandFixture()
        let text = fixture.read("gatehouse.yaml")
            .replacing("routes:\n", with: "routes:\n  # about coda\n")
            .replacing("  - name: open", with: "\n  # a heading of its own\n\n  # about open\n  - name: open # here")
        try fixture.write(text + "    # within open\n\n# the end\n", to: "gatehouse.yaml")
        return fixture
    }

    @Test func `a route goes with what is about it, and every other line stays`() async throws {
        let fixture = try fixture()
        let before = fixture.read("gatehouse.yaml")
        let shown = try await fixture.run("route", "show", "open")
        #expect(shown.exit == 0 && shown.output.hasPrefix("  # about open\n  - name: open # here\n"), "\(shown)")
        let trial = try await fixture.run("route", "remove", "open", "--dry-run")
        #expect(trial.exit == 0 && fixture.read("gatehouse.yaml") == before && trial.output == shown.output)
        let outcome = try await fixture.run("route", "remove", "open")
        #expect(outcome.exit == 0 && outcome.output == shown.output, "\(outcome.errors)")
        let after = fixture.read("gatehouse.yaml")
        for comment in ["# about coda", "# a heading of its own", "# the end"] { #expect(after.contains(comment)) }
        #expect(!after.contains("open"))
        #expect(try await fixture.run("check").exit == 0)
        let removed = Set(shown.output.split(separator: "\n"))
        let kept = before.split(separator: "\n").filter { !removed.contains($0) }
        #expect(after.split(separator: "\n") == kept)
    }

    @Test func `what is added is removed again without a trace`() async throws {
        let fixture = try fixture()
        let before = fixture.read("gatehouse.yaml")
        let host = ["--host", "x.example.com", "--upstream", "http://127.0.0.1:1", "--audience", "a"]
        #expect(try await fixture.run(["route", "add", "third"] + host).exit == 0)
        #expect(fixture.read("gatehouse.yaml") != before)
        #expect(try await fixture.run("route", "remove", "third").exit == 0)
        #expect(fixture.read("gatehouse.yaml") == before)
    }

    @Test func `the last route stays, and one that there is not is named`() async throws {
        let fixture = try fixture()
        #expect(try await fixture.run("route", "remove", "open").exit == 0)
        let before = fixture.read("gatehouse.yaml")
        #expect(try await fixture.run("route", "remove", "coda").exit == 78)
        #expect(fixture.read("gatehouse.yaml") == before)
        let nowhere = try await fixture.run("route", "remove", "cods")
        #expect(nowhere.exit == 1 && nowhere.errors.contains("routes: coda"))
    }

    @Test func `the list is one document`() async throws {
        let fixture = try fixture()
        let text = try await fixture.run("route", "list")
        #expect(text.output.contains("coda  coda.example.com/  127.0.0.1:1  coda\n"), "\(text.output)")
        let json = try await fixture.run("route", "list", "--json").output
        let list = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
        #expect(list.map { $0["name"] as? String } == ["coda", "open"])
    }

    /// As in a container that mounts the file by itself: the mount goes on showing the file that was there when it was made.
    @Test(.enabled(if: getuid() == 0, "only root may mount"))
    func `who writes past a running instance is told, and the instance says it too`() async throws {
        let fixture = try CommandFixture()
        let path = fixture.path
        try fixture.write(fixture.read("gatehouse.yaml"), to: "mounted.yaml")
        #expect(try await fixture.run("key", "generate", "--out", "\(path)/key").exit == 0)
        let script = "mount --bind gatehouse.yaml mounted.yaml && exec \(Command.binary) serve --config mounted.yaml"
        let log = "\(path)/serve.log"
        // A mount of its own: gone with the process.
        let words = ["-m", "sh", "-c", "cd \(path) && \(script)"]
        let pid = try fixture.start(words, by: "/usr/bin/unshare", streams: ["/dev/null", log, log])
        defer { kill(pid, SIGKILL) }
        // There is nothing else to await from outside.
        while try await fixture.run("status").exit != 0 { try Task.checkCancellation() }
        let host = ["--host", "x.example.com", "--upstream", "http://127.0.0.1:1", "--audience", "a"]
        let added = try await fixture.run(["route", "add", "third"] + host)
        #expect(added.exit == 0 && added.errors.contains("does not see this file"), "\(added.errors)")
        let status = try await fixture.run("status")
        #expect(status.output.contains("was replaced outside"), "\(status.output)")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
    }
}
