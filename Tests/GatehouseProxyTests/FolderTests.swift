import Foundation
import Testing

/// Folders of the data path stand one above the other: none needs one that needs it. Told from the types that each folder declares and those that
/// its files name, comments and texts left out.
@Suite struct FolderTests {
    struct Source {
        let folder: String
        let name: String
        let code: String
    }

    static func sources(of target: String) throws -> [Source] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/\(target)").standardizedFileURL
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.map { file in
            Source(
                folder: file.deletingLastPathComponent().lastPathComponent,
                name: file.lastPathComponent,
                code: code(of: try String(contentsOf: file, encoding: .utf8))
            )
        }
    }

    static func code(of text: String) -> String {
        text.replacing(#/"""(?:.|\n)*?"""/#, with: "").replacing(#/"(?:\\.|[^"\\\n])*"/#, with: "")
            .replacing(#/\/\/.*/#, with: "")
    }

    /// Types at the outermost level that other files can name.
    static func declared(in code: String) -> [String] {
        code.matches(
            of:
                #/(?m)^(?:(?:package|public|final|indirect|@\w+(?:\([^)]*\))?)[ ]+)*(?:struct|class|enum|protocol|actor|typealias)[ ]+(\w+)/#
        ).map { String($0.1) }
    }

    static func named(in code: String) -> Set<String> { Set(code.matches(of: #/\b[A-Z]\w+/#).map { String($0.0) }) }

    /// The folders that each folder needs, with a file and a type by which it does.
    static func needs(_ sources: [Source]) -> [String: [String: String]] {
        var home: [String: String] = [:]
        for source in sources { for type in declared(in: source.code) { home[type] = source.folder } }
        var needs: [String: [String: String]] = [:]
        for source in sources {
            for type in named(in: source.code) {
                guard let folder = home[type], folder != source.folder else { continue }
                needs[source.folder, default: [:]][folder] = "\(source.folder)/\(source.name) names \(type)"
            }
        }
        return needs
    }

    /// The first way around that is found: each step says why it is one.
    static func cycle(in needs: [String: [String: String]]) -> [String]? {
        func way(from folder: String, to end: String, _ seen: inout Set<String>) -> [String]? {
            for (next, why) in needs[folder, default: [:]].sorted(by: { $0.key < $1.key }) {
                if next == end { return [why] }
                guard seen.insert(next).inserted else { continue }
                if let rest = way(from: next, to: end, &seen) { return [why] + rest }
            }
            return nil
        }
        for folder in needs.keys.sorted() {
            var seen: Set<String> = []
            if let way = way(from: folder, to: folder, &seen) { return way }
        }
        return nil
    }

    @Test func `no folder of the data path needs one that needs it`() throws {
        let needs = Self.needs(try Self.sources(of: "GatehouseProxy"))
        #expect(needs["Connection"]?["Phases"] != nil, "the connection carries the phases out")
        #expect(Self.cycle(in: needs) == nil)
    }

    @Test func `a circle of three folders is found`() {
        let sources = [
            Source(folder: "A", name: "a.swift", code: "struct Alpha { let next: Beta }"),
            Source(folder: "B", name: "b.swift", code: "package final class Beta { let next: Gamma }"),
            Source(folder: "C", name: "c.swift", code: Self.code(of: "enum Gamma { case one(Alpha) } // Beta")),
        ]
        #expect(Self.needs(sources)["C"]?.keys.sorted() == ["A"])
        #expect(Self.cycle(in: Self.needs(sources))?.count == 3)
        #expect(Self.cycle(in: Self.needs(Array(sources.dropLast()))) == nil)
    }

    /// The order of files is that of their names, so a number in one sorts ten before one, and says nothing.
    @Test func `file names say a phase or a noun`() throws {
        for source in try Self.sources(of: "GatehouseProxy") {
            #expect(source.name.firstMatch(of: #/\d/#) == nil, "\(source.name)")
        }
    }
}
