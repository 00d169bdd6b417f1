internal import CYAML

/// Builds the tree from libyaml's events. Collections that are still open are on a stack, so that depth costs no recursion.
struct TreeBuilder {
    private(set) var root: YAMLNode?
    private(set) var problems: [YAMLProblem] = []
    private(set) var isEnded = false

    private var positions: SourcePositions
    private var open: [Collection] = []
    private var documents = 0
    /// The last scalar in quotes that goes over more than one line: where the text makes no sense soon after it, its quote was not closed.
    private var longQuote: YAMLSpan?

    private struct Collection {
        let isMapping: Bool
        let isBracketed: Bool
        let start: YAMLMark
        var items: [YAMLNode] = []
        var entries: [YAMLEntry] = []
        /// The first position of each key.
        var keys: [String: YAMLMark] = [:]
        /// The key whose value comes next.
        var key: YAMLNode?
    }

    init(_ bytes: [UInt8]) { positions = SourcePositions(bytes) }

    mutating func happened(_ event: yaml_event_t) {
        let span = YAMLSpan(start: mark(event.start_mark), end: mark(event.end_mark))
        switch event.type {
        case YAML_STREAM_END_EVENT:
            isEnded = true
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            if documents > 1 {
                report(
                    .severalDocuments,
                    "the file holds more than one document",
                    at: span,
                    "leave out the second '---'"
                )
                isEnded = true
            }
        case YAML_ALIAS_EVENT:
            report(.alias, "aliases are not allowed", at: span, Self.quoteStar)
            add(YAMLNode(.refused, span: span))
        case YAML_SCALAR_EVENT:
            scalar(event.data.scalar, span)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            check(anchor: start.anchor, tag: start.tag, plain: "tag:yaml.org,2002:seq", at: span)
            let isBracketed = start.style == YAML_FLOW_SEQUENCE_STYLE
            push(Collection(isMapping: false, isBracketed: isBracketed, start: span.start), span)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            check(anchor: start.anchor, tag: start.tag, plain: "tag:yaml.org,2002:map", at: span)
            let isBracketed = start.style == YAML_FLOW_MAPPING_STYLE
            push(Collection(isMapping: true, isBracketed: isBracketed, start: span.start), span)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            close(at: span.end)
        case _:
            break
        }
    }

    /// The parser met text that is not YAML.
    mutating func failed(_ parser: yaml_parser_t) {
        isEnded = true
        root = nil
        guard parser.error != YAML_MEMORY_ERROR else {
            report(.outOfMemory, "there is not enough memory to read the file", at: .start)
            return
        }
        let problem = parser.problem.map { String(cString: $0) } ?? "the text is not YAML"
        guard parser.error != YAML_READER_ERROR else {
            let mark = positions.mark(atByte: Int(parser.problem_offset))
            report(.syntax, problem, at: YAMLSpan(start: mark, end: mark))
            return
        }
        let mark = mark(parser.problem_mark)
        var message = problem
        let context = parser.context.map { String(cString: $0) }
        if let quote = openQuote(parser, context, mark) {
            report(
                .syntax,
                "the quote that opens here is not closed on its line",
                at: quote,
                "close it; as it is, the text up to line \(mark.line) belongs to it"
            )
            return
        }
        if let context {
            message += " \(context)"
            let line = Int(parser.context_mark.line) + 1
            if line != mark.line { message += " that starts on line \(line)" }
        }
        report(.syntax, message, at: YAMLSpan(start: mark, end: mark), Self.advice(message))
    }

    /// The quote that libyaml read to the end of the text, or to the next quote of another value, behind which it met something odd.
    private mutating func openQuote(_ parser: yaml_parser_t, _ context: String?, _ problem: YAMLMark) -> YAMLSpan? {
        if let context, context.contains("quoted scalar"), Int(parser.context_mark.line) + 1 != problem.line {
            let start = mark(parser.context_mark)
            return YAMLSpan(start: start, end: start)
        }
        guard let longQuote, longQuote.end.line == problem.line else { return nil }
        return YAMLSpan(start: longQuote.start, end: longQuote.start)
    }

    private static let quoteStar = "text that starts with '*' or '&' is written in quotes: \"*\""

    private static func advice(_ message: String) -> String? {
        if message.contains("alias") || message.contains("anchor") { return quoteStar }
        if message.contains("cannot start any token") {
            return "indent with spaces, and write text that starts with a special character in quotes"
        }
        if message.contains("expected ',' or") {
            return "inside { } and [ ], text with '{', '[' or ',' in it is written in quotes"
        }
        if message.contains("mapping values are not allowed") { return "text with ': ' in it is written in quotes" }
        return nil
    }

    private mutating func scalar(_ event: yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar, _ span: YAMLSpan) {
        let isText = check(anchor: event.anchor, tag: event.tag, plain: "tag:yaml.org,2002:str", at: span)
        let text = String(decoding: UnsafeBufferPointer(start: event.value, count: event.length), as: UTF8.self)
        let style: YAMLScalar.Style =
            switch event.style {
            case YAML_PLAIN_SCALAR_STYLE: isText ? .quoted : .plain
            case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
            case _: .quoted
            }
        if style == .quoted, span.start.line < span.end.line { longQuote = span }
        add(YAMLNode(.scalar(YAMLScalar(text: text, style: style)), span: span))
    }

    /// Reports an anchor and any tag but the one that says what the node is anyway. Whether that one was written.
    @discardableResult
    private mutating func check(
        anchor: UnsafeMutablePointer<UInt8>?,
        tag: UnsafeMutablePointer<UInt8>?,
        plain: String,
        at span: YAMLSpan
    ) -> Bool {
        if anchor != nil { report(.anchor, "anchors are not allowed", at: span, Self.quoteStar) }
        guard let tag else { return false }
        if String(cString: tag) == plain { return true }
        report(.tag, "tags are not allowed", at: span, "text that starts with '!' is written in quotes")
        return false
    }

    private mutating func push(_ collection: Collection, _ span: YAMLSpan) {
        open.append(collection)
        if open.count > YAMLReader.maximumDepth {
            report(.tooDeep, "collections are nested deeper than \(YAMLReader.maximumDepth)", at: span)
            root = nil
            isEnded = true
        }
    }

    private mutating func close(at end: YAMLMark) {
        guard let last = open.popLast() else { return }
        let content: YAMLNode.Content = last.isMapping ? .mapping(last.entries) : .sequence(last.items)
        add(YAMLNode(content, span: YAMLSpan(start: last.start, end: end), isBracketed: last.isBracketed))
    }

    /// Changes the innermost collection in place: taking it out and putting it back would copy it for every entry.
    private mutating func add(_ node: YAMLNode) {
        guard let last = open.indices.last else {
            root = node
            return
        }
        if !open[last].isMapping {
            open[last].items.append(node)
        } else if let key = open[last].key {
            open[last].key = nil
            enter(key, node, in: last)
        } else {
            open[last].key = node
        }
    }

    private mutating func enter(_ key: YAMLNode, _ value: YAMLNode, in mapping: Int) {
        guard case .scalar(let scalar) = key.content else {
            if case .refused = key.content { return }
            report(.keyNotText, "a key is text", at: key.span)
            return
        }
        if let first = open[mapping].keys[scalar.text] {
            report(
                .duplicateKey,
                "the key '\(scalar.text)' stands here twice; first on line \(first.line)",
                at: key.span
            )
            return
        }
        open[mapping].keys[scalar.text] = key.span.start
        open[mapping].entries.append(YAMLEntry(key: scalar.text, keySpan: key.span, value: value))
    }

    private mutating func report(
        _ code: YAMLProblem.Code,
        _ message: String,
        at span: YAMLSpan,
        _ suggestion: String? = nil
    ) {
        guard problems.count < YAMLReader.maximumProblems else { return }
        problems.append(YAMLProblem(code, message, at: span, suggestion: suggestion))
    }

    private mutating func mark(_ mark: yaml_mark_t) -> YAMLMark {
        positions.mark(index: Int(mark.index), line: Int(mark.line), column: Int(mark.column))
    }
}
