import Foundation
import YAMLReader

/// A fence of a document: its text without the indentation of the list that it stands in.
struct DocumentedFence: Sendable, CustomStringConvertible {
    let document: String
    let line: Int
    let text: String

    var description: String { "\(document):\(line)" }

    static func all(in language: String) throws -> [DocumentedFence] {
        try DocumentTests.names.flatMap { name in
            let text = try String(contentsOfFile: "\(DocumentTests.root)/\(name)", encoding: .utf8)
            return all(in: language, of: name, text)
        }
    }

    private static func all(in language: String, of document: String, _ text: String) -> [DocumentedFence] {
        var found: [DocumentedFence] = []
        var open: (language: Substring, line: Int, indentation: Int, lines: [Substring])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.drop { $0 == " " }
            let indentation = line.count - words.count
            if !words.hasPrefix("```") {
                if let fence = open { open?.lines.append(line.dropFirst(min(fence.indentation, indentation))) }
            } else if let fence = open {
                if fence.language == language {
                    let text = fence.lines.joined(separator: "\n") + "\n"
                    found.append(DocumentedFence(document: document, line: fence.line, text: text))
                }
                open = nil
            } else {
                open = (words.dropFirst(3), index + 1, indentation, [])
            }
        }
        return found
    }

    /// The keys at the outermost level; empty where the text is no mapping.
    var keys: [String] { Self.entries(YAMLReader.read(Array(text.utf8)).root).map(\.key) }

    static func entries(_ node: YAMLNode?) -> [YAMLEntry] {
        guard case .mapping(let entries) = node?.content else { return [] }
        return entries
    }
}

/// A whole configuration around a fragment of one: the fragment stands in it as it is, and the test adds what the document leaves out.
enum CompletedConfiguration {
    private static let storeKeys: Set = ["master_keys"]
    private static let routeKeys: Set = [
        "upstream", "upstream_tls", "inject", "forward_assertion", "strip", "allow", "cors", "resource_metadata",
        "probe",
    ]
    private static let tag = String(repeating: "0123456789abcdef", count: 4)

    static func text(_ fence: DocumentedFence) -> String {
        let keys = Set(fence.keys)
        if keys.isSubset(of: storeKeys) {
            return file(
                "",
                stores: "{ kind: sqlite, path: /store.db, \(fence.text.trimmingCharacters(in: ["\n"]))\n  }"
            )
        }
        if keys.isSubset(of: routeKeys) {
            return file(routes(in: "routes:\n  - name: fragment\n" + indented(fence.text)))
        }
        return file(routes(in: fence.text))
    }

    /// The routes of a text with the keys that every route has.
    private static func routes(in text: String) -> String {
        let needed = [
            ("host", "fragment.example.com"), ("audience", "[\(tag)]"), ("upstream", "http://fragment-mcp:8080"),
        ]
        return text.replacing(#/(?m)^  - name: .*\n(?:(?: {4}.*)?\n)*/#) { match in
            let missing = needed.filter { !match.output.contains("\n    \($0.0): ") }
            return match.output + missing.map { "    \($0.0): \($0.1)\n" }.joined()
        }
    }

    /// A text with the sections that every configuration has.
    private static func file(
        _ text: String,
        stores: String = "{ kind: sqlite, path: /store.db, master_keys: [{ file: /run/secrets/key }] }"
    ) -> String {
        let root = YAMLReader.read(Array(text.utf8)).root
        let keys = Set(DocumentedFence.entries(root).map(\.key))
        var file = text
        if !keys.contains("version") { file += "version: 1\n" }
        if !keys.contains("access") { file += "access: { team: example }\n" }
        if !keys.contains("stores") { file += "stores:\n  kept: \(stores)\n" }
        if !keys.contains("routes") {
            // A token that no route uses is warned of.
            let tokens = DocumentedFence.entries(root).first { $0.key == "tokens" }
            let names = DocumentedFence.entries(tokens?.value).map(\.key)
            file += "routes:\n"
            for name in names.isEmpty ? ["fragment"] : names {
                file += """
                      - name: \(name)
                        host: \(name).example.com
                        audience: [\(tag)]
                        upstream: http://\(name)-mcp:8080
                        inject: { X-Key: "{token}" }

                    """
            }
        }
        return file
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "    \($0)\n" }.joined()
    }
}
