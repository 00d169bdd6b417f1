import Foundation
@testable import GatehouseServer
import Testing

@Suite struct AFileWatch {
    private let old = FileWatch.Stamp(inode: 1)
    private let new = FileWatch.Stamp(inode: 2)
    private let newer = FileWatch.Stamp(inode: 2, size: 9)

    /// Whether each of these looks, one after the other, asks for a reload.
    private func asks(_ looks: [FileWatch.Stamp?]) -> [Bool] {
        var watch = FileWatch(read: old)
        return looks.map { watch.looked($0) }
    }

    @Test func `asks for nothing while nothing changes`() {
        #expect(asks([old, old]) == [false, false])
    }

    @Test func `asks once, when a change has held still`() {
        #expect(asks([new, new, new]) == [false, true, false])
    }

    @Test func `waits for an editor that writes in steps`() {
        #expect(asks([nil, new, newer, newer]) == [false, false, false, true])
    }

    @Test func `says nothing of a change that was taken back`() {
        #expect(asks([new, old, new, new]) == [false, false, false, true])
    }

    @Test func `asks when the file is gone and when it is back`() {
        #expect(asks([nil, nil, nil, old, old]) == [false, true, false, false, true])
    }

    @Test func `sees a symlink on the way that leads elsewhere`() throws {
        let files = FileManager.default
        let folder = files.temporaryDirectory.appendingPathComponent("gatehouse-watch.\(UUID().uuidString)").path
        defer { try? files.removeItem(atPath: folder) }
        for version in ["..one", "..two"] {
            try files.createDirectory(atPath: "\(folder)/\(version)", withIntermediateDirectories: true)
            try Data("version: 1\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(version)/gatehouse.yaml"))
        }
        // As a mounted ConfigMap lays it out.
        try files.createSymbolicLink(atPath: "\(folder)/..data", withDestinationPath: "..one")
        try files.createSymbolicLink(atPath: "\(folder)/gatehouse.yaml", withDestinationPath: "..data/gatehouse.yaml")
        let path = "\(folder)/gatehouse.yaml"
        let first = try #require(FileWatch.Stamp(of: path))
        #expect(FileWatch.Stamp(of: path) == first)
        try files.createSymbolicLink(atPath: "\(folder)/..next", withDestinationPath: "..two")
        try #require(rename("\(folder)/..next", "\(folder)/..data") == 0)
        #expect(FileWatch.Stamp(of: path) != first)
        #expect(FileWatch.Stamp(of: "\(folder)/nowhere") == nil)
    }
}
