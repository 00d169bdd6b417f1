import Foundation
import Testing
import YAMLReader

/// The settings of every container of the compose files: bounded logs, bounded memory, no capability that is not named, an image that does not change by itself.
@Suite struct ComposeFileTests {
    static let names = ["deploy/docker-compose.yml", "deploy/compose.embedded.yml", "deploy/template/compose.yml"]

    private typealias Keys = [String: YAMLNode]

    private static func keys(_ node: YAMLNode?) throws -> Keys {
        guard case .mapping(let entries) = try #require(node).content else { return [:] }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    }

    private static func text(_ node: YAMLNode?) -> String? {
        guard case .scalar(let scalar) = node?.content else { return nil }
        return scalar.text
    }

    /// All that a node says, wherever it stands.
    private static func plain(_ node: YAMLNode) -> String {
        switch node.content {
        case .mapping(let entries): "{\(entries.map { "\($0.key): \(plain($0.value))" }.sorted())}"
        case .sequence(let elements): "\(elements.map { plain($0) })"
        case .scalar(let scalar): scalar.text
        case .refused: "refused"
        }
    }

    private static func lines(_ name: String) throws -> [Substring] {
        try String(contentsOf: TestFiles.root.appendingPathComponent(name), encoding: .utf8).split(separator: "\n")
    }

    /// The services, with what `<<` gives them. The reader of Gatehouse's own files refuses anchors, so these are taken out before.
    private static func services(_ name: String) throws -> [String: Keys] {
        let text = try lines(name).joined(separator: "\n")
            .replacing("x-common: &common", with: "x-common:").replacing("<<: *common", with: "x-common: yes")
            .replacing("gatehouse: &gatehouse", with: "gatehouse:").replacing(
                "<<: *gatehouse",
                with: "x-gatehouse: yes"
            )
        let reading = YAMLReader.read(Array(text.utf8))
        #expect(reading.problems.isEmpty, "\(reading.problems)")
        let root = try keys(reading.root)
        let common = try root["x-common"].map { try keys($0) } ?? [:]
        let written = try keys(root["services"]).mapValues { try keys($0) }
        return written.mapValues { own in
            let gatehouse = own["x-gatehouse"] == nil ? [:] : written["gatehouse", default: [:]].merging(own) { $1 }
            let all = own.merging(gatehouse) { $1 }
            return all["x-common"] == nil ? all : common.merging(all) { $1 }
        }
    }

    @Test(arguments: names)
    func `logs and memory are bounded`(name: String) throws {
        let services = try Self.services(name)
        #expect(services.count > 1)
        // The template adds a network to a service that stands whole in the other file.
        for (service, keys) in services where name != "deploy/template/compose.yml" || service != "gatehouse" {
            let logging = try Self.keys(keys["logging"])
            let options = try Self.keys(logging["options"])
            #expect(Self.text(logging["driver"]) == "json-file", "\(service)")
            #expect(Self.text(options["max-size"])?.wholeMatch(of: #/[0-9]+m/#) != nil, "\(service)")
            #expect(Self.text(options["max-file"]).flatMap { Int($0) } != nil, "\(service)")
            #expect(Self.text(keys["mem_limit"])?.wholeMatch(of: #/[0-9]+[mg]/#) != nil, "\(service)")
            guard case .sequence(let dropped) = keys["cap_drop"]?.content else {
                Issue.record("\(service) keeps its capabilities")
                continue
            }
            #expect(dropped.map { Self.text($0) } == ["ALL"], "\(service)")
        }
    }

    /// By version and digest, of those that come from a registry.
    @Test(arguments: names)
    func `images are pinned`(name: String) throws {
        let lines = try Self.lines(name)
        var count = 0
        for (index, line) in lines.enumerated() {
            guard let image = line.firstMatch(of: #/^ +image: (.+)$/#)?.output.1 else { continue }
            count += 1
            // Images that the operator must name, and those that are built here.
            if image.contains(":?") || image.hasPrefix("gatehouse:${GATEHOUSE_VERSION:-") { continue }
            let around = lines[max(0, index - 3)...index].joined(separator: "\n")
            #expect(around.contains(#/sha256:[0-9a-f]{64}/#), "\(image)")
            #expect(around.contains(#/[0-9]+\.[0-9]+/#), "\(image)")
            #expect(!image.contains("latest"), "\(image)")
        }
        #expect(count > 0)
    }

    /// A command in the container sees what is mounted, so a document that has one read a file of the host says where to put that.
    @Test(arguments: names.prefix(2))
    func `files for commands in the container have one folder, which the documents name`(name: String) throws {
        guard case .sequence(let volumes) = try #require(Self.services(name)["gatehouse"])["volumes"]?.content else {
            Issue.record("no volumes")
            return
        }
        let ofHost = volumes.compactMap { Self.text($0) }.filter { $0.hasPrefix("./") }
        #expect(ofHost.contains("./conf:/etc/gatehouse:ro"))
        #expect(ofHost.allSatisfy { ["./conf:/etc/gatehouse:ro", "./run:/run/gatehouse"].contains($0) }, "\(ofHost)")
        let head = try Self.lines("deploy/compose.embedded.yml").filter { $0.hasPrefix("#") }.joined(separator: "\n")
        #expect(head.contains("for `audit migrate`, are put into conf too"))
        let document = try Self.lines("docs/AUDIT.md").joined(separator: "\n")
        #expect(
            document.contains("`conf/before.yaml`")
                && document.contains("gatehouse audit migrate /etc/gatehouse/before.yaml")
        )
    }

    /// Two instances must not write one spool, nor answer on one socket.
    @Test func `the second instance of a fleet has a spool and a socket of its own, and all else of the first`() throws
    {
        let second = try #require(try Self.services("deploy/compose.fleet.yml")["gatehouse-b"])
        let first = try #require(try Self.services("deploy/docker-compose.yml")["gatehouse"])
        for key in Set(first.keys).union(second.keys).subtracting(["build", "volumes", "networks"]) {
            #expect(first[key].map(Self.plain) == second[key].map(Self.plain), "\(key)")
        }
        func mounts(_ service: Keys) throws -> [String: String] {
            guard case .sequence(let volumes) = try #require(service["volumes"]).content else { return [:] }
            let parts = volumes.compactMap { Self.text($0)?.split(separator: ":").map(String.init) }
            return Dictionary(uniqueKeysWithValues: parts.map { ($0[1], $0[0]) })
        }
        let (one, other) = (try mounts(first), try mounts(second))
        #expect(Set(one.keys) == Set(other.keys))
        #expect(one["/etc/gatehouse"] == other["/etc/gatehouse"])
        for place in ["/run/gatehouse", "/var/lib/gatehouse"] { #expect(one[place] != other[place], "\(place)") }
        let networks = try Self.keys(second["networks"])
        guard case .sequence(let aliases) = try Self.keys(networks["edge"])["aliases"]?.content else {
            Issue.record("the tunnel does not find it")
            return
        }
        #expect(aliases.map { Self.text($0) } == ["gatehouse"] && networks["coda"] != nil && networks["data"] != nil)
    }
}
