import Foundation
import Testing

/// The completion scripts in the shells that they are for.
@Suite("Completions", .timeLimit(.minutes(2)))
struct CompletionTests {
    private static func isThere(_ shell: String) -> Bool {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(shell)")
    }

    /// A fixture with `gatehouse` on the path and the script of a shell.
    private func fixture(_ shell: String) async throws -> CommandFixture {
        let fixture = try CommandFixture()
        let bin = "\(fixture.path)/bin"
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: "\(bin)/gatehouse", withDestinationPath: Command.binary)
        let script = try await fixture.run("--generate-completion-script", shell)
        #expect(script.exit == 0)
        try fixture.write(script.output, to: "_gatehouse")
        return fixture
    }

    private func offered(_ line: String, by shell: String, in fixture: CommandFixture) async throws -> Set<String> {
        let words = line.components(separatedBy: " ")
        let script =
            switch shell {
            case "bash":
                """
                . \(fixture.path)/_gatehouse
                COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))); COMP_CWORD=\(words.count - 1)
                COMP_LINE='\(line)'; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
                name=$(complete -p gatehouse | sed 's/.*-F \\([^ ]*\\).*/\\1/')
                "$name" gatehouse "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            case _:
                ". \(fixture.path)/_gatehouse; complete -C '\(line)' | cut -f1"
            }
        let outcome = try await fixture.run(
            ["-c", script],
            by: "/usr/bin/\(shell)",
            environment: ["PATH": "\(fixture.path)/bin:/usr/bin:/bin", "HOME": fixture.path]
        )
        #expect(outcome.exit == 0, "\(outcome.errors)")
        return Set(outcome.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
    }

    static let lines: [(line: String, wanted: String)] = [
        ("gatehouse che", "check"),
        ("gatehouse route re", "remove"),
        ("gatehouse explain --route o", "open"),
        ("gatehouse call c", "coda"),
        ("gatehouse token rotate c", "coda"),
        ("gatehouse token list --store se", "sealed"),
    ]

    @Test(.enabled(if: isThere("bash"), "bash is not installed"), arguments: lines)
    func `bash completes verbs and the names of the configuration`(line: String, wanted: String) async throws {
        #expect(try await offered(line, by: "bash", in: try await fixture("bash")).contains(wanted))
    }

    /// Names come through `commandline`, which fish has on a terminal only: there the script is held to ask for them.
    @Test(.enabled(if: isThere("fish"), "fish is not installed"), arguments: lines.prefix(2))
    func `fish completes verbs, and its script asks for the names`(line: String, wanted: String) async throws {
        let fixture = try await fixture("fish")
        #expect(try await offered(line, by: "fish", in: fixture).contains(wanted))
        #expect(fixture.read("_gatehouse").contains("---completion token rotate"))
    }

    @Test(.enabled(if: isThere("bash"), "bash is not installed"))
    func `files are completed where a file is wanted, also from a configuration that is named on the line`()
        async throws
    {
        let fixture = try await fixture("bash")
        #expect(
            try await offered("gatehouse check --config \(fixture.path)/gateh", by: "bash", in: fixture)
                .contains("\(fixture.path)/gatehouse.yaml")
        )
        let other = fixture.read("gatehouse.yaml").replacingOccurrences(of: "name: coda", with: "name: another")
        try fixture.write(other, to: "other.yaml")
        let line = "gatehouse call --config \(fixture.path)/other.yaml an"
        #expect(try await offered(line, by: "bash", in: fixture).contains("another"))
    }

    /// A script for zsh is driven by its line editor; here it is held to zsh's grammar, and to ask the product for the names.
    @Test(.enabled(if: isThere("zsh"), "zsh is not installed"))
    func `zsh reads its script, which asks for the names`() async throws {
        let fixture = try await fixture("zsh")
        let outcome = try await fixture.run(["-n", "\(fixture.path)/_gatehouse"], by: "/usr/bin/zsh")
        #expect(outcome.exit == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(fixture.read("_gatehouse").contains("---completion token rotate"))
    }
}
