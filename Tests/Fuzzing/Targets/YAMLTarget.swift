import YAMLReader

/// Files of YAML: every node stands where it says, within its parent, and a tree that is written again is read as the same one.
enum YAMLTarget {
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        let reading = YAMLReader.read(input)
        try hold(reading.problems.count <= YAMLReader.maximumProblems, "more problems than are reported")
        let length = input.starts(with: [0xEF, 0xBB, 0xBF]) ? input.count - 3 : input.count
        let bytes = Array(input.suffix(length))
        for problem in reading.problems { try check(problem.span, within: 0...length) }
        guard let root = reading.root else { return false }
        guard reading.problems.isEmpty else { return false }
        try check(root, bytes, within: 0...length)
        let again = YAMLReader.read(Array(written(root).utf8))
        guard again.problems.isEmpty, let other = again.root else {
            throw Finding("what was read cannot be written: \(written(root).debugDescription) \(again.problems)")
        }
        try hold(written(other) == written(root), "\(written(other)) is read of \(written(root))")
        return true
    }

    private static func check(_ span: YAMLSpan, within limits: ClosedRange<Int>) throws(Finding) {
        let isIn = limits.contains(span.start.offset) && limits.contains(span.end.offset)
        try hold(isIn && span.start.offset <= span.end.offset, "\(span) is not within \(limits)")
        try hold(span.start.line >= 1 && span.start.column >= 1, "\(span) begins before the first line")
    }

    private static func check(_ node: YAMLNode, _ bytes: [UInt8], within limits: ClosedRange<Int>) throws(Finding) {
        try check(node.span, within: limits)
        let inner = node.span.start.offset...node.span.end.offset
        switch node.content {
        case .refused: break
        case .scalar(let scalar):
            guard scalar.style == .plain, node.span.start.line == node.span.end.line, !scalar.text.isEmpty else {
                return
            }
            let stands = text(bytes[node.span.start.offset..<node.span.end.offset])
            try hold(stands == scalar.text, "\(stands.debugDescription) is read as \(scalar.text.debugDescription)")
        case .sequence(let nodes): for node in nodes { try check(node, bytes, within: inner) }
        case .mapping(let entries):
            var keys: Set<String> = []
            for entry in entries {
                try hold(keys.insert(entry.key).inserted, "the key \(entry.key) is there twice")
                try check(entry.keySpan, within: inner)
                try check(entry.value, bytes, within: inner)
            }
        }
    }

    /// The tree in one line, each text in double quotes; plain ones stay plain where a quote would change their kind.
    private static func written(_ node: YAMLNode) -> String {
        switch node.content {
        case .refused: "refused"
        case .scalar(let scalar): quoted(scalar.text)
        case .sequence(let nodes): "[" + nodes.map(written).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "? \(quoted($0.key)) : \(written($0.value))" }.joined(separator: ", ") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            if scalar.isASCII, scalar.value >= 0x20, scalar.value < 0x7F, scalar != "\"", scalar != "\\" {
                return String(scalar)
            }
            let digits = String(scalar.value, radix: 16)
            return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
        }
        return "\"" + escaped.joined() + "\""
    }
}
