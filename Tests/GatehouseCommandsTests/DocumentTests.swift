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

    @Test func `every path that the contributor's page names exists`() throws {
        let text = try Self.text("docs/DEVELOPING.md")
        let paths = text.matches(of: #/`((?:Sources|Tests|deploy|config|docs)\/[^` ]+)/#).map { String($0.output.1) }
        #expect(paths.count > 20)
        for path in paths { #expect(FileManager.default.fileExists(atPath: "\(Self.root)/\(path)"), "\(path)") }
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

    @Test func `every document is reached from README`() throws {
        var reached: Set<String> = ["README.md"]
        var next = ["README.md"]
        while let name = next.popLast() {
            let folder = URL(fileURLWithPath: "\(Self.root)/\(name)").deletingLastPathComponent()
            for match in try Self.text(name).matches(of: #/\]\(([^)#]+\.md)(#[^)]*)?\)/#) {
                let path = folder.appendingPathComponent(String(match.output.1)).standardizedFileURL.path
                let found = String(path.dropFirst(Self.root.count + 1))
                if Self.names.contains(found), reached.insert(found).inserted { next.append(found) }
            }
        }
        #expect(Set(Self.names).subtracting(reached).isEmpty)
    }

    /// README itself has the links, so that a reader of the index finds each page without reading another first.
    @Test func `README links each page of docs`() throws {
        let text = try Self.text("README.md")
        for name in Self.names where name.hasPrefix("docs/") { #expect(text.contains("(\(name))"), "\(name)") }
    }

    @Test func `the man page has a section for each command`() async throws {
        let page = try await CommandFixture().run("manual").output
        #expect(page.hasPrefix(".TH GATEHOUSE 1 "))
        for name in ["serve", "check", "token set", "audit query", "doctor", "manual"] {
            #expect(page.contains("\n.SS gatehouse \(name)\n"), "\(name)")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there is a completion for each shell`(shell: String) async throws {
        let outcome = try await CommandFixture().run("--generate-completion-script", shell)
        #expect(outcome.exit == 0 && outcome.output.contains("doctor"))
    }
}
