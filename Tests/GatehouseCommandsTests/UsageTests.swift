import Foundation
import Testing

/// The case that the golden script cannot write: no words at all.
@Suite("No command", .timeLimit(.minutes(1)))
struct UsageTests {
    @Test(arguments: [[], ["token"], ["--config", "x.yaml"], ["audit", "--config=x.yaml"]])
    func `is a usage error that lists the commands there are`(arguments: [String]) async throws {
        let outcome = try await CommandFixture().run(arguments)
        #expect(outcome.exit == 64 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("SUBCOMMANDS:") && outcome.errors.contains("needs a command"))
    }

    @Test(arguments: [["--help"], ["help"], ["help", "token"], ["token", "set", "--help"], ["--version"]])
    func `help that was asked for is data`(arguments: [String]) async throws {
        let outcome = try await CommandFixture().run(arguments)
        #expect(outcome.exit == 0 && outcome.errors.isEmpty && !outcome.output.isEmpty)
    }

    /// As execve(2) allows: without even a name of the program.
    @Test func `an empty argument vector is one, too`() async throws {
        let script = "import ctypes; c = ctypes.CDLL(None); c.execv(b'\(Command.binary)', (ctypes.c_char_p * 1)(None))"
        let outcome = try await CommandFixture().run(["-c", script], by: "/usr/bin/python3")
        #expect(outcome.exit == 64, "\(outcome.errors)")
    }

    /// ArgumentParser makes a name of the type's otherwise, by looking it up among all conformances, at the start of every process: with sixty commands
    /// that took longer than reading a configuration.
    @Test func `every command says its own name`() throws {
        let folder = URL(fileURLWithPath: "\(DocumentTests.root)/Sources/GatehouseCommands")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var commands = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for part in text.components(separatedBy: "CommandConfiguration(").dropFirst() {
                commands += 1
                let start = part.drop(while: \.isWhitespace)
                #expect(start.hasPrefix("commandName: "), "\(file.lastPathComponent)")
            }
        }
        #expect(commands > 60)
    }
}
