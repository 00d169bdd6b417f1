import Foundation
import RegexBuilder
import Testing

/// Golden scripts: each file of `Scripts` holds commands, what is typed into them and all that they answer.
///
///     $ arguments of gatehouse       FOLDER is the test's own; quotes of either kind hold spaces together
///     < a line of standard input
///     | a line of standard output
///     ! a line of standard error
///     = the exit code, where it is not 0
///
/// Values that differ from run to run stand as TIME, HEX, KEY, BEARER, USER and FOLDER, and runs of spaces as two. With `GATEHOUSE_TEST_RECORD=1` the
/// files are written anew, to be read before they are committed.
@Suite("Golden scripts", .timeLimit(.minutes(2)))
struct ScriptTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Scripts")
    static let names = ["usage", "check", "explain", "token", "stores", "key", "bearer", "migrate"]

    @Test func `every script is run`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(files.sorted() == Self.names.map { $0 + ".txt" }.sorted())
    }

    @Test(arguments: names)
    func `the commands answer as the script says`(name: String) async throws {
        let file = Self.folder.appendingPathComponent("\(name).txt")
        let script = try String(contentsOf: file, encoding: .utf8)
        let fixture = try CommandFixture()
        for key in ["key", "key2"] {
            #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/\(key)").exit == 0)
        }
        var actual = ""
        for step in Script.steps(of: script) {
            actual += step.source
            guard let arguments = step.arguments else { continue }
            let outcome = try await fixture.run(
                arguments.map { $0.replacingOccurrences(of: "FOLDER", with: fixture.path) },
                input: step.input,
                environment: ["SCRIPT_VALUE": Script.variable]
            )
            for secret in [Script.variable] + step.input.split(separator: "\n").map(String.init) {
                #expect(!outcome.output.contains(secret) && !outcome.errors.contains(secret), "\(step.source) leaks")
            }
            actual += Script.transcript(outcome, in: fixture)
        }
        if ProcessInfo.processInfo.environment["GATEHOUSE_TEST_RECORD"] != nil {
            try actual.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(actual == script)
    }
}

enum Script {
    /// The value of `$SCRIPT_VALUE`.
    static let variable = "from-a-variable-5f1d8a"

    struct Step {
        /// The lines that come from the script, also comments.
        var source: String
        /// Nil for lines that run nothing.
        var arguments: [String]?
        var input = ""
    }

    static func steps(of script: String) -> [Step] {
        var steps: [Step] = []
        for line in script.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("$ ") {
                steps.append(Step(source: line + "\n", arguments: words(line.dropFirst(2))))
            } else if line.hasPrefix("< "), !steps.isEmpty {
                steps[steps.count - 1].source += line + "\n"
                steps[steps.count - 1].input += line.dropFirst(2) + "\n"
            } else if !["| ", "! ", "= "].contains(where: line.hasPrefix), line != "|", line != "!" {
                steps.append(Step(source: line + "\n"))
            }
        }
        return steps
    }

    static func transcript(_ outcome: Command.Outcome, in fixture: CommandFixture) -> String {
        func lines(_ text: String, _ mark: String) -> String {
            guard !text.isEmpty else { return "" }
            // A last line without its end shows as one that has none.
            let isWhole = text.hasSuffix("\n")
            let lines = (isWhole ? String(text.dropLast()) : text).components(separatedBy: "\n")
            return lines.map { $0.isEmpty ? "\(mark)\n" : "\(mark) \($0)\n" }.joined()
                + (isWhole ? "" : "(no line end)\n")
        }
        let text = lines(normal(outcome.output, fixture), "|") + lines(normal(outcome.errors, fixture), "!")
        return text + (outcome.exit == 0 ? "" : "= \(outcome.exit)\n")
    }

    private static func normal(_ text: String, _ fixture: CommandFixture) -> String {
        text.replacingOccurrences(of: fixture.path, with: "FOLDER")
            .replacing(#/\bghk1_[0-9a-f]+/#, with: "KEY")
            .replacing(#/\bgh_[0-9a-f]{72}\b/#, with: "BEARER")
            .replacing(#/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/#, with: "TIME")
            .replacing(#/\b[0-9a-f]{16}\b/#, with: "HEX")
            .replacing(
                Regex {
                    Anchor.wordBoundary; CommandFixture.user; Anchor.wordBoundary
                },
                with: "USER"
            )
            .replacing(#/ {2,}/#, with: "  ")
    }

    private static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        var rest = line.drop { $0 == " " }
        while let first = rest.first {
            let isQuoted = first == "\"" || first == "'"
            if isQuoted { rest = rest.dropFirst() }
            let word = rest.prefix { $0 != (isQuoted ? first : " ") }
            words.append(String(word))
            rest = rest.dropFirst(word.count + (isQuoted ? 1 : 0)).drop { $0 == " " }
        }
        return words
    }
}
