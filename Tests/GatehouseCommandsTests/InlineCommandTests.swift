import Foundation
import Testing

/// Commands that stand in a sentence, in a comment of the compose files or of the unit, where nothing runs them: each names a verb and
/// options that there are.
@Suite("Commands in sentences", .timeLimit(.minutes(1)))
struct InlineCommandTests {
    private struct Verb: Decodable {
        struct Help: Decodable { let command: Verb }
        struct Argument: Decodable {
            struct Name: Decodable {
                let kind: String
                let name: String
            }
            let names: [Name]?
        }
        let commandName: String
        let subcommands: [Verb]?
        let arguments: [Argument]?

        var options: Set<String> {
            Set((arguments ?? []).flatMap { $0.names ?? [] }.map { ($0.kind == "short" ? "-" : "--") + $0.name })
        }
    }

    static let places =
        DocumentTests.names + [
            "deploy/compose.embedded.yml", "deploy/docker-compose.yml", "deploy/gatehouse.service", "deploy/Dockerfile",
        ]

    /// `gatehouse WORDS`, up to what ends a command in a text.
    private static func commands(in text: String) -> [[String]] {
        text.matches(of: #/(?:`|\bexec (?:-T )?gatehouse |\bbin/)gatehouse ((?:[^`\n|<>;&)("']|"[^"\n]*")+)/#).map {
            match in
            match.output.1.split(separator: " ").map(String.init)
        }
    }

    @Test func `name verbs and options that there are`() async throws {
        let dump = try await CommandFixture().run("--experimental-dump-help")
        let root = try JSONDecoder().decode(Verb.Help.self, from: Data(dump.output.utf8)).command
        var seen = 0
        for place in Self.places {
            let text = try String(contentsOfFile: "\(DocumentTests.root)/\(place)", encoding: .utf8)
            // `help` is the parser's own; a path behind the binary's is where it is copied to.
            for words in Self.commands(in: text) where words[0] != "help" && !words[0].hasPrefix("/") {
                var verb = root
                var rest = words[...]
                while let word = rest.first, let next = verb.subcommands?.first(where: { $0.commandName == word }) {
                    verb = next
                    rest = rest.dropFirst()
                }
                seen += 1
                let isRoot = verb.commandName == root.commandName
                let isOption = rest.first?.hasPrefix("-") ?? false
                #expect(!isRoot || isOption, "\(place): gatehouse \(words.joined(separator: " "))")
                for word in rest.prefix(while: { $0 != "--" }) where word.hasPrefix("--") && !isRoot {
                    let name = String(word.prefix { $0 != "=" }).trimmingCharacters(in: [",", ".", ":"])
                    #expect(verb.options.contains(name), "\(place): \(words.joined(separator: " "))")
                }
            }
        }
        #expect(seen > 60)
    }
}
