import Foundation
import Testing

/// Documentation comments name their subject: "The upstream's answer.", not "What the upstream answered." Tests are named by sentences.
@Suite struct CommentTests {
    /// Words that begin a comment without its subject.
    private static let openings: Set<String> = ["Of", "What", "Has", "Whose", "Which", "Who", "Whom", "Whoever"]

    private static func lines(_ text: String) -> [ArraySlice<UInt8>] {
        Array(text.utf8).split(separator: 0x0A, omittingEmptySubsequences: false).map { $0.drop { $0 == 0x20 } }
    }

    private static func string(_ line: some Collection<UInt8>) -> String { String(decoding: line, as: UTF8.self) }

    /// The first lines of the paragraphs of documentation comments that leave the subject out.
    static func riddles(in text: String) -> [String] {
        let lines = lines(text)
        return zip(lines, [[]] + lines).compactMap { line, before in
            guard line.starts(with: "/// ".utf8), !before.starts(with: "/// ".utf8) else { return nil }
            return openings.contains(string(line.dropFirst(4).prefix { $0 != 0x20 && $0 != 0x2C })) ? string(line) : nil
        }
    }

    /// The functions of tests whose names are identifiers and not sentences.
    static func identifiers(in text: String) -> [String] {
        var isTest = false
        return lines(text).compactMap { line in
            if line.starts(with: "@Test".utf8) { isTest = true }
            guard isTest, let name = string(line).firstMatch(of: #/\bfunc (`|\w+)/#)?.1 else { return nil }
            isTest = false
            return name == "`" ? nil : String(name)
        }
    }

    private static func texts(of folder: String) throws -> [(file: String, text: String)] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../\(folder)").standardizedFileURL
        return try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            .map { ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8)) }
    }

    @Test func `no documentation comment leaves its subject out`() throws {
        let sources = try Self.texts(of: "Sources")
        #expect(sources.count > 500)
        for (file, text) in sources { #expect(Self.riddles(in: text).isEmpty, "\(file)") }
    }

    @Test func `every test is named by a sentence`() throws {
        let tests = try Self.texts(of: "Tests")
        #expect(tests.count > 200)
        for (file, text) in tests { #expect(Self.identifiers(in: text).isEmpty, "\(file)") }
    }

    @Test func `an identifier is found behind its arguments, and a helper is no test`() {
        // The sign is put in here, or the text would be a finding itself.
        let text = """
            #Test(arguments: [1, 2])
            func `a sentence`(_ number: Int) { helper() }
            func helper() {}
            #Test func anIdentifier() {}
            #Test(.serialized)
            private func another() {}
            """.replacing("#Test", with: "@Test")
        #expect(Self.identifiers(in: text) == ["anIdentifier", "another"])
    }

    @Test func `a comment without a subject is found, and a line within one is not`() {
        let text = """
                /// What the upstream answered.
                let answer: Int
                /// The time of the
                /// Of and What that follow.
                let time: Int
                /// Offers and Whether are other words.
                ///
                /// Whose the time is.
            // Of code.
            /// Has the end.
            """
        #expect(
            Self.riddles(in: text) == ["/// What the upstream answered.", "/// Whose the time is.", "/// Has the end."]
        )
    }
}
