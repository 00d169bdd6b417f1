import Foundation
import Testing

/// Documentation comments of Sources name their subject: "The upstream's answer.", not "What the upstream answered."
@Suite struct CommentTests {
    /// The first lines of paragraphs of documentation comments that begin with a word which leaves the subject out.
    static func riddles(in text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.drop { $0 == " " } }
        return zip(lines, [""] + lines).compactMap { line, before in
            begins(line) && !before.hasPrefix("/// ") ? String(line) : nil
        }
    }

    private static func begins(_ line: Substring) -> Bool {
        line.prefixMatch(of: #/\/\/\/ (?:Of|What|Has|Whose|Which|Who|Whom|Whoever)\b/#) != nil
    }

    @Test func `no documentation comment leaves its subject out`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources").standardizedFileURL
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        #expect(files.count > 500)
        for file in files {
            #expect(
                Self.riddles(in: try String(contentsOf: file, encoding: .utf8)).isEmpty,
                "\(file.lastPathComponent)"
            )
        }
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
