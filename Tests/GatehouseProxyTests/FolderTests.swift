import Foundation
import Testing

/// The folders of a target stand one above the other: none needs one that needs it. This is read from the types that each folder declares and
/// those that its files name, without comments and texts. Files outside of folders are a target's door and its shared words: they belong to none.
@Suite struct FolderTests {
    struct Source {
        let folder: String
        let name: String
        let code: String
    }

    static let all = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Sources").standardizedFileURL

    static let targets: [String] = (try? FileManager.default.contentsOfDirectory(atPath: all.path))?.sorted() ?? []

    static func sources(of target: String) throws -> [Source] {
        let root = all.appendingPathComponent(target)
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.map { file in
            Source(
                folder: String(file.deletingLastPathComponent().path.dropFirst(root.path.count + 1)),
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

    /// Types that are named by themselves, and not as the member of another.
    static func named(in code: String) -> Set<String> {
        Set(code.matches(of: #/(?:^|[^.\w])([A-Z]\w+)/#).map { String($0.1) })
    }

    /// The folders that each folder needs, with a file and a type by which it does.
    static func needs(_ sources: [Source]) -> [String: [String: String]] {
        let sources = sources.filter { !$0.folder.isEmpty }
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

    @Test(arguments: targets)
    func `no folder needs one that needs it`(target: String) throws {
        #expect(Self.cycle(in: Self.needs(try Self.sources(of: target))) == nil)
    }

    @Test func `the needs of folders are found`() throws {
        #expect(Self.targets.contains("GatehouseProxy"))
        let needs = Self.needs(try Self.sources(of: "GatehouseProxy"))
        #expect(needs["Connection"]?["Phases"] != nil, "the connection carries the phases out")
        #expect(Self.needs(try Self.sources(of: "GatehouseServer"))["Admin/Runbook"]?["Admin/Status"] != nil)
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
    @Test(arguments: targets)
    func `file names say a phase or a noun`(target: String) throws {
        for source in try Self.sources(of: target) {
            #expect(source.name.firstMatch(of: #/^(?!Base64).*\d\.swift/#) == nil, "\(source.name)")
        }
    }
}
