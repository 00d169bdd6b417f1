internal import CYAML

/// The result of reading a text: its tree as far as it could be read, and everything wrong with it.
package struct YAMLReading: Sendable {
    /// Nil when the text is empty or broken.
    package let root: YAMLNode?
    /// The problems, at most ``YAMLReader/maximumProblems``.
    package let problems: [YAMLProblem]
}

/// Reads one YAML document into a tree, through libyaml's events.
///
/// Anchors, aliases and tags are refused before anything is expanded, so that a text cannot grow in memory and every value
/// stands where it is read.
package enum YAMLReader {
    /// Bytes of a text; a longer one is refused unread.
    package static let maximumLength = 1 << 20
    /// Nested collections; a deeper text is refused where it goes too deep.
    package static let maximumDepth = 32
    /// Problems reported of one text; further ones are dropped.
    package static let maximumProblems = 100

    package static func read(_ text: [UInt8]) -> YAMLReading {
        guard text.count <= maximumLength else {
            return refused(.tooLong, "the file has \(text.count) bytes; the limit is \(maximumLength)", at: .start)
        }
        let bytes = text.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.dropFirst(3)) : text
        if let offset = SourcePositions.firstInvalidByte(of: bytes) {
            let mark = SourcePositions(bytes).mark(atByte: offset)
            return refused(.notUTF8, "the file is not UTF-8", at: YAMLSpan(start: mark, end: mark))
        }
        return bytes.withUnsafeBufferPointer { buffer in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else {
                return refused(.outOfMemory, "there is not enough memory to read the file", at: .start)
            }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            // libyaml wants an address even for no bytes.
            let empty: [UInt8] = [0]
            return empty.withUnsafeBufferPointer { empty in
                yaml_parser_set_input_string(&parser, buffer.baseAddress ?? empty.baseAddress, buffer.count)
                return events(of: &parser, bytes)
            }
        }
    }

    private static func events(of parser: inout yaml_parser_t, _ bytes: [UInt8]) -> YAMLReading {
        var tree = TreeBuilder(bytes)
        while !tree.isEnded {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else {
                tree.failed(parser)
                break
            }
            defer { yaml_event_delete(&event) }
            tree.happened(event)
        }
        return YAMLReading(root: tree.root, problems: tree.problems)
    }

    private static func refused(_ code: YAMLProblem.Code, _ message: String, at span: YAMLSpan) -> YAMLReading {
        YAMLReading(root: nil, problems: [YAMLProblem(code, message, at: span)])
    }
}
