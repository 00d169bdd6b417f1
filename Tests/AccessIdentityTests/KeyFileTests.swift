import Foundation
import Testing

@testable import AccessIdentity

/// A fresh directory, removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await body(directory)
}

@Suite struct KeyFileTests {
    private let url = try! SigningKeysURL("https://example.com/certs")
    private let contents = KeyFile.Contents(fetchedAt: 1_795_424_400, body: Array("{\"keys\":[]}\n\n".utf8))

    private func problem(_ file: KeyFile) -> String? {
        do throws(AccessIdentityError) {
            _ = try file.read(url: url)
            return nil
        } catch {
            #expect(error.code == .fileUnusable)
            #expect(error.source == .local)
            return error.message
        }
    }

    @Test func `the key file reads what it wrote, and keeps it to itself`() async throws {
        try await withTemporaryDirectory { directory in
            let file = KeyFile(path: directory + "/keys")
            #expect(try file.read(url: url) == nil)
            try file.write(contents, url: url)
            #expect(try file.read(url: url) == contents)
            let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            let newer = KeyFile.Contents(fetchedAt: 2, body: [0xFF, 0x0A])
            try file.write(newer, url: url)
            #expect(try file.read(url: url) == newer)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["keys"])
        }
    }

    @Test func `the key file refuses a file that others may write`() async throws {
        try await withTemporaryDirectory { directory in
            let file = KeyFile(path: directory + "/keys")
            for mode in [0o620, 0o602, 0o666] {
                try file.write(contents, url: url)
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
                #expect(problem(file)?.contains("written by others") == true)
            }
        }
    }

    @Test func `the key file refuses a path that is no file of its own`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            #expect(problem(KeyFile(path: directory))?.contains("regular file") == true)
            for text in [
                "", "{\"keys\":[]}", "access-identity-keys 2 1 https://example.com/certs\n{}",
                "access-identity-keys 1 x y\n",
            ] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                #expect(problem(KeyFile(path: path))?.contains("not of this program") == true)
            }
            try Data(count: KeyFile.maximumBytes + 1).write(to: URL(fileURLWithPath: path))
            #expect(problem(KeyFile(path: path))?.contains("too large") == true)
            let link = directory + "/link"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            #expect(problem(KeyFile(path: link))?.contains("cannot be opened") == true)
        }
    }

    @Test func `writing replaces a link instead of following it`() async throws {
        try await withTemporaryDirectory { directory in
            let victim = directory + "/victim"
            try Data("untouched".utf8).write(to: URL(fileURLWithPath: victim))
            let file = KeyFile(path: directory + "/keys")
            try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: victim)
            try file.write(contents, url: url)
            #expect(try file.read(url: url) == contents)
            #expect(try Data(contentsOf: URL(fileURLWithPath: victim)) == Data("untouched".utf8))
        }
    }
}

@Suite struct UnknownKeyGateTests {
    @Test func `the gate for unknown keys forgets the oldest beyond its bound`() {
        var gate = UnknownKeyGate(interval: 0, memory: 3600)
        for index in 0..<(1024 * 3) { gate.remained("k\(index)", now: 0) }
        #expect(gate.rememberedCount == 1024)
        #expect(gate.admits("k0", now: 0))
        #expect(!gate.admits("k\(1024 * 3 - 1)", now: 0))
        #expect(!gate.admits("k\(1024 * 2)", now: 0))
    }

    /// A client that sends ids which nobody knows is not to fill the memory with them.
    @Test func `the gate for unknown keys keeps no more than twice its bound of what it has forgotten`() {
        var gate = UnknownKeyGate(interval: 0, memory: 3600)
        for index in 0..<10_000 {
            gate.remained("k\(index)", now: 0)
            if index % 100 == 0 { #expect(privateCount("order", of: gate) ?? .max <= 2 * 1024 + 1) }
        }
        #expect(gate.rememberedCount == 1024)
        #expect(!gate.admits("k9999", now: 0) && !gate.admits("k8976", now: 0) && gate.admits("k8975", now: 0))
    }

    @Test func `the gate for unknown keys remembers an id for the given time`() {
        var gate = UnknownKeyGate(interval: 0, memory: 100)
        gate.remained("a", now: 10)
        #expect(!gate.admits("a", now: 109))
        #expect(gate.admits("a", now: 110))
        gate.remained("a", now: 110)
        #expect(!gate.admits("a", now: 111))
    }

    @Test func `a clock set back does not shut the gate`() {
        var gate = UnknownKeyGate(interval: 60, memory: 100)
        for _ in 0..<UnknownKeyGate.budget {
            gate.lookUpStarted(now: 1000)
            gate.refreshEnded()
        }
        #expect(!gate.admits("a", now: 1059))
        #expect(gate.admits("a", now: 1060))
        #expect(gate.admits("a", now: 999))
    }
}
