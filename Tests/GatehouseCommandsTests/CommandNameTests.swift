import Foundation
import Testing

/// A command that does not say its name has it made of its type's whenever the first word is looked for: a third of a start, all commands together.
@Suite struct CommandNameTests {
    @Test func `each command says its name`() throws {
        let folder = URL(fileURLWithPath: "\(DocumentTests.root)/Sources/GatehouseCommands")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var seen = 0
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            let commands = text.matches(of: #/: (?:Async)?ParsableCommand \{/#).count
            #expect(text.matches(of: #/commandName: "/#).count == commands, "\(file.lastPathComponent)")
            seen += commands
        }
        #expect(seen > 60)
    }
}
