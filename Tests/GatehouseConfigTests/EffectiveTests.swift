import Foundation
import GatehouseConfig
import GatehouseCore
import Testing
import YAMLReader

@Suite struct EffectiveTests {
    @Test func `the effective configuration reads back as itself`() throws {
        let full = try String(contentsOf: TestFiles.golden.appendingPathComponent("effective.yaml"), encoding: .utf8)
        for text in [minimal, full] {
            let first = try read(text, GoldenTests.environment)
            let second = try read(first.effective, GoldenTests.environment)
            #expect(second.effective == first.effective)
            #expect(second.access == first.access)
            #expect(second.stores == first.stores)
            #expect(second.audit == first.audit)
        }
    }

    /// A key that the file leaves out would be in no test of what `config show` prints and reads back.
    @Test func `the golden file says every key that there is`() throws {
        let schema = try JSONSerialization.jsonObject(
            with: Data(contentsOf: TestFiles.root.appendingPathComponent("config/gatehouse.schema.json"))
        )
        let text = try Data(contentsOf: TestFiles.golden.appendingPathComponent("effective.yaml"))
        let root = try #require(YAMLReader.read(Array(text)).root)
        // `issuer` stands in place of `team`, and there is one sink.
        let unsaid = ["access.team", "audit.sink(none)", "audit.sink(sqlite)", "audit.sink(stdout)"]
        #expect(Self.unsaid(schema, by: [root], at: "").sorted() == unsaid)
        #expect(Self.unsaid(schema, by: [], at: "").count > 15, "an empty file says nothing")
    }

    /// Paths of the keys and of the kinds that a schema has and none of these nodes says.
    private static func unsaid(_ schema: Any, by nodes: [YAMLNode], at path: String) -> [String] {
        guard let schema = schema as? [String: Any] else { return [] }
        var unsaid: [String] = []
        for (key, value) in schema["properties"] as? [String: Any] ?? [:] {
            let place = path.isEmpty ? key : "\(path).\(key)"
            let found = nodes.flatMap(entries).filter { $0.key == key }.map(\.value)
            unsaid += found.isEmpty ? [place] : Self.unsaid(value, by: found, at: place)
        }
        if let values = schema["additionalProperties"] as? [String: Any] {
            unsaid += Self.unsaid(values, by: nodes.flatMap(entries).map(\.value), at: "\(path).*")
        }
        if let items = schema["items"] {
            let found = nodes.flatMap { node in
                guard case .sequence(let items) = node.content else { return [node] }
                return items
            }
            unsaid += Self.unsaid(items, by: found, at: path)
        }
        for form in schema["anyOf"] as? [[String: Any]] ?? [] {
            // A form is said by the nodes that have it: of several, a mapping is none of a list.
            let isMapping = form["properties"] != nil
            let found = nodes.filter { node in
                if case .mapping = node.content { isMapping } else { !isMapping }
            }
            unsaid += Self.unsaid(form, by: found, at: path)
        }
        for variant in schema["oneOf"] as? [[String: Any]] ?? [] {
            let kind = ((variant["properties"] as? [String: Any])?["kind"] as? [String: Any])?["const"] as? String
            let found = nodes.filter { node in entries(node).contains { $0.key == "kind" && text($0.value) == kind } }
            let place = "\(path)(\(kind ?? "?"))"
            unsaid += found.isEmpty ? [place] : Self.unsaid(variant, by: found, at: place)
        }
        return unsaid
    }

    private static func entries(_ node: YAMLNode) -> [YAMLEntry] {
        guard case .mapping(let entries) = node.content else { return [] }
        return entries
    }

    private static func text(_ node: YAMLNode) -> String? {
        guard case .scalar(let scalar) = node.content else { return nil }
        return scalar.text
    }

    @Test(arguments: [
        "a${b}", "\"quoted\" \\ and 'single'", " spaces ", "true", "null", "1e5", "ünï", "# no comment", "a: b", "-",
        "\u{FEFF}",
    ])
    func `a value from a variable is shown so that it reads back`(value: String) throws {
        let text = minimal("audience: [\"${NAME}\"]", instead: "audience: [\(audienceTag)]")
        let effective = try read(text, ["NAME": value]).effective
        #expect(try read(effective).routes.routes[0].audiences == [value])
    }

    @Test func `what may hold a secret is shown as written`() throws {
        let text = minimal("X-Key: \"a ${SECRET}\"", instead: "X-Wiki-Api-Key: \"{token}\"")
        let effective = try read(text, ["SECRET": "hunter2"]).effective
        #expect(!effective.contains("hunter2"))
        #expect(effective.contains("X-Key: \"a ${SECRET}\""))
    }
}
