import Foundation
import Glibc
import Testing

/// `gatehouse route add`, as several people and root run it.
@Suite("Adding routes to the file", .timeLimit(.minutes(2)))
struct RouteAddTests {
    private func add(_ workplace: Workplace, _ name: String) async throws -> Command.Outcome {
        try await workplace.run(
            "route",
            "add",
            name,
            "--host",
            "\(name).example.com",
            "--upstream",
            "http://127.0.0.1:1",
            "--audience",
            Workplace.audience
        )
    }

    @Test func `routes that are added at once are all there`() async throws {
        let workplace = try Workplace()
        let names = (0..<20).map { "added-\($0)" }
        try await withThrowingTaskGroup(of: Command.Outcome.self) { group in
            for name in names { group.addTask { try await add(workplace, name) } }
            for try await outcome in group { #expect(outcome.exit == 0, "\(outcome.errors)") }
        }
        let yaml = workplace.read("gatehouse.yaml")
        for name in names { #expect(yaml.contains("- name: \(name)\n"), "\(name) was lost") }
        #expect(try await workplace.run("check").exit == 0)
        let left = try FileManager.default.contentsOfDirectory(atPath: workplace.path).filter { $0.hasSuffix(".new") }
        #expect(left.isEmpty)
    }

    /// A file that root takes over, its service can read no more.
    @Test(.enabled(if: getuid() == 0, "only root may change somebody else's file"))
    func `the file stays its owner's, with its mode`() async throws {
        let workplace = try Workplace()
        let path = "\(workplace.path)/gatehouse.yaml"
        chmod(path, 0o600)
        chown(path, 12_345, 12_346)
        #expect(try await add(workplace, "added").exit == 0)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_uid == 12_345 && status.st_gid == 12_346 && status.st_mode & 0o777 == 0o600)
        #expect(workplace.read("gatehouse.yaml").contains("- name: added\n"))
    }

    /// As of a file that is mounted by itself: renaming over it is refused.
    @Test(.enabled(if: getuid() == 0, "only root may mount"))
    func `a file that cannot be replaced is written in its place`() async throws {
        let workplace = try Workplace()
        let path = "\(workplace.path)/gatehouse.yaml"
        var before = stat()
        stat(path, &before)
        // A mount of its own: gone with the shell.
        let outcome = try await workplace.run(
            [
                "-m", "sh", "-c",
                "mount --bind $1 $1 && exec \"$0\" route add added --host a.example.com --upstream http://127.0.0.1:1 --audience \(Workplace.audience)",
                Command.binary, path,
            ],
            by: "/usr/bin/unshare",
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        #expect(outcome.exit == 0, "\(outcome.errors)")
        var after = stat()
        #expect(stat(path, &after) == 0 && after.st_ino == before.st_ino)
        #expect(workplace.read("gatehouse.yaml").contains("- name: added\n"))
        #expect(try await workplace.run("check").exit == 0)
    }
}
