import Foundation
import Testing

@Suite("The commands of the binary", .needsTools, .timeLimit(.minutes(1)))
struct CommandTests {
    private func run(_ arguments: [String]) async throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
        let process = try ChildProcess(Tools.gatehouse, arguments, environment: [:])
        process.closeInput()
        return (await process.exit(), await process.output.whole, await process.errors.whole)
    }

    @Test func `check tells every mistake at its place and exits 78`() async throws {
        let folder = try Tools.Folder()
        try folder.write(
            "version: 1\nlisten: nowhere\nroutes:\n  - name: coda\n    upsteam: http://coda:8080\n",
            to: "bad.yaml"
        )
        let (exit, output, errors) = try await run(["check", "--config", "\(folder.path)/bad.yaml"])
        #expect(exit == .code(78))
        #expect(output.isEmpty)
        #expect(errors.contains("bad.yaml:2:9: error: "))
        #expect(errors.contains("bad.yaml:5:5: error: "))
        #expect(errors.contains("upstream"))
    }

    @Test func `an unknown command is a usage error`() async throws {
        let (exit, output, errors) = try await run(["frobnicate"])
        #expect(exit == .code(64))
        #expect(output.isEmpty)
        #expect(!errors.isEmpty)
    }

    /// The dynamic linker tells of each library whose end it calls.
    @Test(arguments: [["version"], ["frobnicate"]])
    func `no library is ended while threads may be at work in it`(arguments: [String]) async throws {
        let process = try ChildProcess(Tools.gatehouse, arguments, environment: ["LD_DEBUG": "files"])
        process.closeInput()
        _ = await process.exit()
        let errors = await process.errors.whole
        #expect(errors.contains("calling init: "))
        #expect(!errors.contains("calling fini: "))
    }

    @Test func `the demo shows a call that passes and those that do not, and exits 0`() async throws {
        let (exit, output, errors) = try await run(["demo"])
        #expect(exit == .code(0), "\(errors)")
        for reason in ["assertion_missing", "assertion_expired", "principal_denied"] {
            #expect(output.contains(reason))
        }
    }

    /// Some options of sockets are for root alone, and a container runs as nobody in particular.
    @Test(.enabled(if: geteuid() == 0, "whoever is not root has seen it in the test above"))
    func `the demo works for a user without privileges`() async throws {
        let folder = try Tools.Folder()
        let binary = "\(folder.path)/gatehouse"
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        // A process of its own copies the file: one that a child of ours may have inherited open for writing cannot be run.
        let install = try ChildProcess("/usr/bin/install", ["-m", "755", Tools.gatehouse, binary])
        #expect(await install.exit() == .code(0))
        let process = try ChildProcess(
            "/usr/bin/setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", binary, "demo"]
        )
        process.closeInput()
        let exit = await process.exit()
        let errors = await process.errors.whole
        #expect(exit == .code(0), "\(errors)")
    }

    /// Full Foundation brings 40 MiB of ICU into every sidecar.
    @Test(arguments: ["libFoundation.so", "lib_FoundationICU.so", "libFoundationInternationalization.so", "libicuuc"])
    func `the binary does not link ICU`(library: String) throws {
        let binary = try Data(contentsOf: URL(fileURLWithPath: Tools.gatehouse), options: .alwaysMapped)
        #expect(binary.range(of: Data(library.utf8)) == nil)
        #expect(binary.range(of: Data("libcurl".utf8)) != nil)
    }
}
