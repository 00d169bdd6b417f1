import Foundation
import GatehouseCore
import GatehouseServer
import Testing

/// The documents say what is: every reason has its entry, every path exists, every command is one that there is.
@Suite("The documents", .timeLimit(.minutes(5)))
struct DocumentTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/docs")) ?? []
        return ["README.md", "deploy/template/README.md"]
            + files.filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" }
    }()

    private static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
    }

    @Test func `the runbook has an entry for each reason and each line of the doctor, and no other`() throws {
        let runbook = try Self.text("docs/OAUTH_TROUBLESHOOTING.md")
        let headings = runbook.matches(of: #/(?m)^### (\S+)$/#).map { String($0.output.1) }
        let wanted = Reason.allCases.map(\.rawValue) + Finding.Probe.allCases.map(\.runbook)
        #expect(headings.sorted() == wanted.sorted())
        for (_, entry) in runbook.matches(of: #/(?m)^### \S+\n([^#]*)/#).map(\.output) {
            #expect(entry.split(separator: " ").count > 5, "an entry says something")
        }
    }

    @Test func `every path of the threat model exists`() throws {
        let text = try Self.text("docs/THREAT_MODEL.md")
        let paths = text.matches(of: #/`((?:Sources|Tests|deploy|config|docs)\/[^`]+)`/#).map { String($0.output.1) }
        #expect(paths.count > 50)
        for path in paths { #expect(FileManager.default.fileExists(atPath: "\(Self.root)/\(path)"), "\(path)") }
        for line in text.split(separator: "\n") where line.hasPrefix("| ") && line.contains("`Sources/") {
            #expect(line.contains("`Tests/"), "\(line)")
        }
    }

    @Test(arguments: names)
    func `every link of a document leads somewhere`(name: String) throws {
        let text = try Self.text(name)
        let folder = URL(fileURLWithPath: "\(Self.root)/\(name)").deletingLastPathComponent()
        for match in text.matches(of: #/\]\(([^)#]+)(#[^)]*)?\)/#) {
            let target = String(match.output.1)
            guard !target.contains("://") else { continue }
            let path = folder.appendingPathComponent(target).standardizedFileURL.path
            #expect(FileManager.default.fileExists(atPath: path), "\(name): \(target)")
        }
        let headings = Set(text.matches(of: #/(?m)^#+ (.+)$/#).map { String($0.output.1).lowercased() })
        for match in text.matches(of: #/\]\(#([^)]+)\)/#) {
            #expect(headings.contains(String(match.output.1)), "\(name): #\(match.output.1)")
        }
    }

    @Test(arguments: names)
    func `every command of a document is one that there is`(name: String) async throws {
        let workplace = try Workplace()
        _ = try await workplace.run("key", "generate", "--out", "\(workplace.path)/key")
        for block in try Self.text(name).matches(of: #/(?ms)^```sh\n(.*?)^```/#) {
            for line in block.output.1.split(separator: "\n") {
                let command = line.prefix { $0 != "#" && $0 != "|" && $0 != ">" && $0 != "<" }
                let words = Self.words(command)
                guard words.first == "gatehouse", words.count > 1, words[1] != "serve" else { continue }
                // The file that a document names is the reader's own.
                var arguments = Array(words.dropFirst())
                if let index = arguments.firstIndex(of: "--config") { arguments.removeSubrange(index...index + 1) }
                // What asks the network is asked only whether it knows its arguments.
                if ["doctor", "demo"].contains(arguments[0]) { arguments.append("--help") }
                let outcome = try await workplace.run(arguments, input: "a value\n")
                #expect(outcome.exit != 64, "\(name): \(line)\n\(outcome.errors)")
            }
        }
    }

    private static func words(_ line: some StringProtocol) -> [String] {
        var words: [String] = []
        for (index, part) in line.components(separatedBy: "\"").enumerated() {
            words += index % 2 == 1 ? [part] : part.split(separator: " ").map(String.init)
        }
        return words
    }

    @Test func `the man page has a section for each command`() async throws {
        let page = try await Workplace().run("manual").output
        #expect(page.hasPrefix(".TH GATEHOUSE 1 "))
        for name in ["serve", "check", "token set", "audit query", "doctor", "manual"] {
            #expect(page.contains("\n.SS gatehouse \(name)\n"), "\(name)")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there is a completion for each shell`(shell: String) async throws {
        let outcome = try await Workplace().run("--generate-completion-script", shell)
        #expect(outcome.exit == 0 && outcome.output.contains("doctor"))
    }
}
