import Testing
import YAMLReader

@Suite struct YAMLReaderTests {
    private func read(_ text: String) -> YAMLReading { YAMLReader.read(Array(text.utf8)) }

    /// The tree as text, to compare it.
    private func sketch(_ node: YAMLNode?) -> String {
        switch node?.content {
        case .scalar(let scalar): scalar.style == .plain ? scalar.text : "'\(scalar.text)'"
        case .sequence(let items): "[" + items.map { sketch($0) }.joined(separator: ", ") + "]"
        case .mapping(let entries): "{" + entries.map { "\($0.key): \(sketch($0.value))" }.joined(separator: ", ") + "}"
        case .refused: "?"
        case nil: ""
        }
    }

    @Test func `an empty text has no root and no problem`() {
        for text in ["", "\n", "# nothing\n", "\u{FEFF}"] {
            #expect(read(text).root == nil)
            #expect(read(text).problems.isEmpty)
        }
    }

    @Test(arguments: [
        ("a: 1\nb: [x, \"y\"]\n", "{a: 1, b: [x, 'y']}"), ("- - a\n- {}\n", "[[a], {}]"), ("a:\nb: ~\n", "{a: , b: ~}"),
        ("a: |\n  x\n  y\n", "{a: 'x\ny\n'}"), ("\u{FEFF}a: é\n", "{a: é}"), ("a: !!str 1\n", "{a: '1'}"),
        ("%YAML 1.1\n---\na\n", "a"),
        ("b: 1\na: 2\n", "{b: 1, a: 2}"), ("a: \"\\x41\\n\"", "{a: 'A\n'}"),
    ])
    func `a text gives its tree`(text: String, tree: String) {
        #expect(sketch(read(text).root) == tree)
        #expect(read(text).problems.isEmpty)
    }

    @Test(
        arguments: [
            ("a: &x 1\n", .anchor, 1, 4), ("a: *x\n", .alias, 1, 4), ("*x : a\n", .alias, 1, 1),
            ("a: !t x\n", .tag, 1, 4), ("a: ! x\n", .tag, 1, 4),
            ("a: !!int 1\n", .tag, 1, 4), ("a: &x [1]\n", .anchor, 1, 4), ("a: &x {}\n", .anchor, 1, 4),
            ("a: 1\na: 2\n", .duplicateKey, 2, 1),
            ("a: {b: 1, 'b': 2}\n", .duplicateKey, 1, 11), ("a: 1\n---\nb: 1\n", .severalDocuments, 2, 1),
            ("[a]: 1\n", .keyNotText, 1, 1),
            ("a: [\n", .syntax, 2, 1), ("a: \"x\n", .syntax, 1, 4), ("é: \u{1}\n", .syntax, 1, 4),
            ("a: b: c\n", .syntax, 1, 5), ("a: \0\n", .syntax, 1, 4),
        ] as [(String, YAMLProblem.Code, Int, Int)]
    )
    func `what is refused is marked where it stands`(text: String, code: YAMLProblem.Code, line: Int, column: Int) {
        let problem = read(text).problems.first
        #expect(problem?.code == code)
        #expect(problem?.span.start.line == line)
        #expect(problem?.span.start.column == column)
    }

    @Test func `problems do not end the reading`() {
        let reading = read("a: &x 1\nb: *x\nc: !t 1\nc: 2\nd: 3\n")
        #expect(reading.problems.map(\.code) == [.anchor, .alias, .tag, .duplicateKey])
        #expect(sketch(reading.root) == "{a: 1, b: ?, c: 1, d: 3}")
    }

    @Test func `no more problems than the bound are kept`() {
        let text = String(repeating: "- *a\n", count: 1000)
        #expect(read(text).problems.count == YAMLReader.maximumProblems)
    }

    @Test(arguments: [
        ([0x61, 0xFF], 1, 2), ([0x0A, 0xC3], 2, 1), ([0xC3, 0xA9, 0xED, 0xA0, 0x80], 1, 2),
        ([0xFF, 0xFE, 0x61, 0x00], 1, 1),
    ])
    func `bytes that are not UTF-8 are marked`(bytes: [UInt8], line: Int, column: Int) {
        let problem = YAMLReader.read(bytes).problems.first
        #expect(problem?.code == .notUTF8)
        #expect(problem?.span.start.line == line)
        #expect(problem?.span.start.column == column)
    }

    @Test func `marks count characters for people and bytes for quoting`() throws {
        let reading = read("é: 1\r\nü: {ß: x}\n")
        guard case .mapping(let entries) = reading.root?.content, case .mapping(let inner) = entries[1].value.content
        else {
            Issue.record("not a mapping")
            return
        }
        #expect(entries[0].value.span.start == YAMLMark(line: 1, column: 4, offset: 4))
        #expect(entries[1].keySpan.start == YAMLMark(line: 2, column: 1, offset: 7))
        #expect(
            inner[0].value.span
                == YAMLSpan(
                    start: YAMLMark(line: 2, column: 8, offset: 16),
                    end: YAMLMark(line: 2, column: 9, offset: 17)
                )
        )
    }

    @Test func `depth is bounded and a text at the bound is read`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(read(nested(YAMLReader.maximumDepth)).problems.isEmpty)
        #expect(read(nested(YAMLReader.maximumDepth + 1)).problems.map(\.code) == [.tooDeep])
        #expect(read(String(repeating: "[", count: 500_000)).problems.map(\.code) == [.tooDeep])
        #expect(read(String(repeating: "- ", count: 500_000)).problems.map(\.code) == [.tooDeep])
        #expect(read(String(repeating: "{a: ", count: 200_000)).problems.map(\.code) == [.tooDeep])
    }

    @Test func `length is bounded`() {
        let text = [UInt8](repeating: 0x20, count: YAMLReader.maximumLength)
        #expect(YAMLReader.read(text).problems.isEmpty)
        #expect(YAMLReader.read(text + [0x20]).problems.map(\.code) == [.tooLong])
    }

    /// Quadratic behaviour would make these take minutes.
    @Test(.timeLimit(.minutes(1)), arguments: ["[", "", "{", "- "])
    func `the largest text is read in time in proportion`(opening: String) {
        let item = opening == "[" ? "é," : opening == "- " ? "- a\n" : ""
        let count = 200_000
        let body =
            item.isEmpty
            ? (0..<60_000).map { opening == "{" ? "k\($0): 1," : "k\($0): 1\n" }.joined()
            : String(repeating: item, count: count)
        let text = opening == "- " ? body : opening + body + (opening == "[" ? "]" : opening == "{" ? "}" : "")
        #expect(read(text).problems.isEmpty)
    }
}
