/// A definition as lines for people: one for each value, under its path, and one for each line of a text. Nothing in them is unseen.
package enum DefinitionLines {
    /// - Parameter canonical: the definition in canonical form.
    package static func of(_ canonical: [UInt8]) -> [String] {
        guard let value = JSONValue(parsing: canonical) else { return [] }
        var lines: [String] = []
        add(value, "", &lines)
        return lines
    }

    /// The texts of a definition that hold what is not seen, by their paths.
    package static func hidden(in canonical: [UInt8]) -> [String] {
        guard let value = JSONValue(parsing: canonical) else { return [] }
        var found: [String] = []
        look(value, "", &found)
        return found
    }

    private static func add(_ value: JSONValue, _ path: String, _ lines: inout [String]) {
        switch value {
        case .object(let members) where !members.isEmpty:
            for member in members { add(member.value, joined(path, member.name), &lines) }
        case .array(let elements) where !elements.isEmpty:
            for (index, element) in elements.enumerated() { add(element, "\(path)[\(index)]", &lines) }
        case .object: lines.append("\(path): {}")
        case .array: lines.append("\(path): []")
        case .string(let text):
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                lines.append("\(path)\(index == 0 ? ":" : " |") \(HiddenText.shown(String(line)))")
            }
        case .number(let text): lines.append("\(path): \(text)")
        case .bool(let isTrue): lines.append("\(path): \(isTrue)")
        case .null: lines.append("\(path): null")
        }
    }

    private static func look(_ value: JSONValue, _ path: String, _ found: inout [String]) {
        switch value {
        case .object(let members):
            for member in members {
                let inner = joined(path, member.name)
                found += HiddenText.warnings(of: member.name).map { "the name \(inner) has \($0)" }
                look(member.value, inner, &found)
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() { look(element, "\(path)[\(index)]", &found) }
        case .string(let text): found += HiddenText.warnings(of: text).map { "\(path) has \($0)" }
        case .number, .bool, .null: break
        }
    }

    private static func joined(_ path: String, _ name: String) -> String {
        let shown = HiddenText.shown(name)
        return path.isEmpty ? shown : "\(path).\(shown)"
    }
}
