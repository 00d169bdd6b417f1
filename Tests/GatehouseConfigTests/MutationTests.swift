import Foundation
import GatehouseConfig
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Files that are nearly right: whatever they hold, there is a configuration or a diagnostic, and never a trap.
@Suite struct MutationTests {
    static let rounds = 1000

    private static let pieces: [[UInt8]] =
        [
            "{", "}", "[", "]", ":", ": ", "- ", "*", "&a ", "*a", "!t ", "|\n", ">\n", "\"", "'", "\\", "#", "\n",
            "\t", "${", "${AUD}", "$${",
            "~", "null", "\u{0}", "\u{85}", "\u{2028}", "\u{FEFF}", "é", "---\n", "...\n", "%YAML 1.1\n", "<<", "? ",
            "99999999999999999999",
            "-1", "0", "1e999", "hunter2",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]]

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `every mutation gives a configuration or a diagnostic with a line of the file`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let sources = try
            (["effective", "secrets", "routes"].map { TestFiles.golden.appendingPathComponent("\($0).yaml") })
            .map { [UInt8](try Data(contentsOf: $0)) }
        var accepted = 0
        var former: Configuration?
        for _ in 0..<Self.rounds {
            var text = sources[Int.random(in: 0..<sources.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&text, &random) }
            do throws(ConfigurationError) {
                let configuration = try Configuration(parsing: text, file: "f", environment: GoldenTests.environment)
                accepted += 1
                #expect(!configuration.routes.routes.isEmpty)
                // A route is taken from the file before only where it would be read as the same.
                let again = try Configuration(
                    parsing: text,
                    file: "f",
                    environment: GoldenTests.environment,
                    after: former
                )
                #expect(again.effective == configuration.effective && again.warnings == configuration.warnings)
                #expect(again.routes.routes.map(\.name) == configuration.routes.routes.map(\.name))
                former = again
            } catch {
                #expect(throws: error) {
                    try Configuration(parsing: text, file: "f", environment: GoldenTests.environment, after: former)
                }
                #expect(error.diagnostics.contains { $0.severity == .error })
                let lines = 1 + text.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 || $0 == 0xA9 }
                for diagnostic in error.diagnostics {
                    #expect((1...lines).contains(diagnostic.line), "\(diagnostic)")
                    #expect(diagnostic.column >= 1)
                    #expect(
                        !diagnostic.description.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" }
                    )
                }
            }
        }
        #expect(accepted > 0, "no mutation was accepted: they are too coarse to say anything")
    }

    private static func mutate(_ text: inout [UInt8], _ random: inout SplitMix) {
        let index = text.isEmpty ? 0 : Int.random(in: 0..<text.count, using: &random)
        let end = min(text.count, index + Int.random(in: 1...20, using: &random))
        switch Int.random(in: 0..<5, using: &random) {
        case 0: text.removeSubrange(index..<end)
        case 1: text.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: index)
        case 2: text.replaceSubrange(index..<end, with: pieces.randomElement(using: &random) ?? [])
        case 3: text.insert(contentsOf: Array(text[index..<end]), at: Int.random(in: 0...text.count, using: &random))
        case _: if index < text.count { text[index] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        }
    }
}
