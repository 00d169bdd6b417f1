import Foundation
import Testing

/// What keeps a container from starting: its engine starts it again and again, and the few lines that it writes each time are all that an operator
/// sees. So they name the file, the reason and the remedy.
@Suite("A container that cannot start", .enabled(if: geteuid() == 0, "only root becomes the user of a container"))
struct ContainerStartTests {
    /// Runs the product as the image's user.
    private func serve(_ configuration: String, in folder: Tools.Folder) async throws -> ChildProcess {
        let binary = "\(folder.path)/gatehouse"
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        // A process of its own copies the file: one that a child of ours may have inherited open for writing cannot be run.
        let install = try ChildProcess("/usr/bin/install", ["-m", "755", Tools.gatehouse, binary])
        #expect(await install.exit() == .code(0))
        let process = try ChildProcess(
            "/usr/bin/setpriv",
            [
                "--reuid=65532", "--regid=65532", "--clear-groups", binary, "serve", "--config",
                "\(folder.path)/\(configuration)",
            ]
        )
        process.closeInput()
        return process
    }

    private static func yaml(_ folder: Tools.Folder) -> String {
        """
        version: 1
        listen: unix:\(folder.path)/volume/gateway.sock
        admin: unix:\(folder.path)/volume/admin.sock
        access: { issuer: "http://127.0.0.1:9", certs_url: "http://127.0.0.1:9/certs" }
        audit: { spool: \(folder.path)/volume/spool, sink: { kind: sqlite, path: \(folder.path)/volume/audit.db } }
        store: local
        stores:
          local: { kind: sqlite, path: \(folder.path)/volume/tokens.db, master_keys: [ { file: \(folder.path)/key } ] }
        routes:
          - name: one
            host: one.example.com
            audience: [4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2]
            upstream: http://127.0.0.1:9
            inject: { X-Api-Key: "{token}" }
            allow: [ { users: ["*@example.com"] } ]

        """
    }

    @Test func `says whose a key of mode 0400 is, and what to do, and starts when that is done`() async throws {
        let folder = try Tools.Folder()
        try folder.write(Self.yaml(folder), to: "gatehouse.yaml")
        let volume = "\(folder.path)/volume"
        try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: false)
        #expect(chown(volume, 65_532, 65_532) == 0)
        let generated = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
        #expect(await generated.exit() == .code(0))
        #expect(chmod("\(folder.path)/key", 0o400) == 0)
        let refused = try await serve("gatehouse.yaml", in: folder)
        #expect(await refused.exit() == .code(1))
        let words = await refused.errors.whole
        let key = "\(folder.path)/key"
        #expect(
            words.contains(
                "gatehouse: error: \(key) cannot be read: Permission denied; \(key) belongs to uid 0, and this process runs as uid 65532\n"
            ),
            "\(words)"
        )
        #expect(words.contains("gatehouse: hint: chown it to uid 65532; or,"), "\(words)")
        #expect(chown(key, 65_532, 0) == 0)
        let serves = try await serve("gatehouse.yaml", in: folder)
        try await serves.eventually { serves.errors.text.contains("serving") }
        serves.send(signal: SIGTERM)
        #expect(await serves.exit() == .code(0))
    }

    /// An engine makes a folder of a file that it is to mount and that is not there.
    @Test func `says that a folder stands where its configuration was mounted, and what to mount`() async throws {
        let folder = try Tools.Folder()
        let path = "\(folder.path)/gatehouse.yaml"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let refused = try await serve("gatehouse.yaml", in: folder)
        #expect(await refused.exit() == .code(78))
        #expect(
            await refused.errors.whole == """
                \(path): error: cannot be read: it is a folder, not a file
                hint: was it mounted before it existed? Mount the folder that holds gatehouse.yaml

                """
        )
    }
}
