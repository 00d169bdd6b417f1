import Foundation
@testable import GatehouseConfig
import GatehouseCore
import Testing

/// The catalog in the code, its page in docs/ and the examples in config/ say the same.
@Suite struct CatalogTests {
    static let names = Catalog.entries.map(\.name)

    private static func page() throws -> [String] {
        try String(contentsOf: TestFiles.root.appendingPathComponent("docs/MCP_SERVER_CATALOG.md"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    @Test(arguments: names)
    func `an entry has a row on the page, with what it strips, and an example`(name: String) throws {
        let entry = try #require(Catalog.entry(named: name))
        let row = try #require(try Self.page().first { $0.hasPrefix("| ") && $0.contains("`\(name).example.yaml`") })
        for wanted in entry.stripHeaders + entry.stripQuery {
            #expect(row.lowercased().contains("`\(wanted.lowercased())`"), "\(wanted)")
        }
        for header in entry.inject.map(\.name) {
            #expect(row.contains("`\(header)") || header.hasPrefix("X-MCP-"), "\(header)")
        }
        let path = TestFiles.root.appendingPathComponent("config/\(name).example.yaml").path
        let configuration = try Configuration.read(path: path, environment: ExampleFileTests.environment)
        let route = try #require(configuration.routes.routes.first { $0.name.text == name })
        #expect(entry.unstripped(by: route.strip).headers.isEmpty && entry.unstripped(by: route.strip).query.isEmpty)
        #expect((route.speech == .mcp) == entry.isMCP)
        let injected = route.injections.map(\.name.text)
        #expect(entry.inject.allSatisfy { injected.contains($0.name) })
    }

    @Test(arguments: names)
    func `what init writes for an entry is right, to the last warning`(name: String) throws {
        let draft = ConfigurationDraft(
            team: "example",
            host: "\(name).example.com",
            audience: audienceTag,
            entry: try #require(Catalog.entry(named: name)),
            listen: "127.0.0.1:8080",
            data: "/var/lib/gatehouse"
        )
        let (text, warnings) = try draft.text(file: "gatehouse.yaml")
        #expect(warnings.isEmpty, "\(warnings)")
        let route = try #require(try read(text).routes.routes.first)
        #expect(route.name.text == name && route.audiences == [audienceTag])
        #expect(route.injections.count == draft.entry.inject.count)
    }

    @Test(
        arguments: names.filter { Catalog.entry(named: $0).map { $0.needsStrip && !$0.stripHeaders.isEmpty } ?? false }
    )
    func `a route to it without its strip list is warned of, and with it is not`(name: String) throws {
        let entry = try #require(Catalog.entry(named: name))
        let inject = entry.inject.map { "\($0.name): \"\($0.value)\"" }.joined(separator: ", ")
        let route = """
              - name: known
                host: known.example.com
                audience: [\(audienceTag)]
                upstream: \(entry.upstream)
                inject: { \(inject) }

            """
        let bare = try read(minimal + route).warnings
        #expect(bare.count == 1 && bare.allSatisfy { $0.message.contains(entry.stripHeaders[0]) }, "\(bare)")
        let hint = try #require(bare.first?.hint)
        #expect(try read(minimal + route + "    \(hint)\n").warnings.isEmpty)
    }
}
