import Foundation
import GatehouseConfig
import GatehouseCore
@testable import GatehouseServer
import Testing

@Suite struct TheDoctor {
    /// The worst of each probe.
    private func verdicts(_ configuration: Configuration) async -> [Finding.Probe: Finding.Verdict] {
        var all: [Finding.Probe: Finding.Verdict] = [:]
        await Doctor(configuration).examine { all[$0.probe] = max(all[$0.probe] ?? .ok, $0.verdict) }
        return all
    }

    @Test func `names each thing that is missing, and goes on`() async throws {
        let place = try DoctorPlace()
        let found = await verdicts(try place.configuration())
        #expect(found[.certs] == .fail)
        #expect(found[.masterKey] == .fail)
        #expect(found[.store] == .fail)
        #expect(found[.upstream] == .fail)
        #expect(found[.secrets] == .warn)
        // What the first start makes is no mistake.
        #expect(found[.spool] == .ok && found[.auditSink] == .ok && found[.listener] == .ok && found[.admin] == .ok)
        #expect(found[.exposure] == .ok)
    }

    @Test(arguments: [(0o400, Finding.Verdict.ok), (0o644, .warn), (0o666, .fail)])
    func `looks at the modes of files that hold secrets`(mode: Int, verdict: Finding.Verdict) throws {
        let place = try DoctorPlace()
        try place.write("not a key", to: "key", mode: mode)
        let found = Doctor(try place.configuration()).secretFiles()
        #expect(found.map(\.verdict) == [verdict])
        #expect(!"\(found)".contains("not a key"))
    }

    @Test func `sees a spool that others may write, and one that cannot be made`() throws {
        let place = try DoctorPlace()
        let spool = "\(place.path)/spool"
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: spool)
        #expect(Doctor(try place.configuration()).spool().map(\.verdict) == [.fail])
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: spool)
        #expect(Doctor(try place.configuration()).spool().first?.verdict != .fail)
        let nowhere = try place.configuration()
        try FileManager.default.removeItem(atPath: place.path)
        #expect(Doctor(nowhere).spool().map(\.verdict) == [.fail])
    }

    @Test(arguments: [
        ("http://127.0.0.1:1", Finding.Verdict.ok), ("unix:/run/mcp.sock", .ok), ("http://203.0.113.9:80", .fail),
        ("https://203.0.113.9", .ok),
    ])
    func `judges who else reaches an upstream by its address`(upstream: String, verdict: Finding.Verdict) throws {
        let configuration = try DoctorPlace().configuration(upstream: upstream)
        #expect(Doctor(configuration).exposure(configuration.routes.routes[0]).verdict == verdict)
    }

    @Test func `warns of an admin listener that is open to others`() async throws {
        let found = await verdicts(try DoctorPlace().configuration(admin: "0.0.0.0:0"))
        #expect(found[.admin] == .warn)
    }

    @Test func `reads the date of HTTP and nothing else`() {
        #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT") == Timestamp(seconds: 784_111_777))
        for text in [
            "", "yesterday", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT", "a b c d e GMT",
        ] {
            #expect(HTTPDate.parse(text) == nil, "\(text)")
        }
    }

    @Test func `tells private addresses from public ones`() {
        func address(_ bytes: UInt8...) -> Socket.Address { Socket.Address(family: 2, bytes: [], host: bytes) }
        for own in [address(10, 0, 0, 1), address(172, 31, 0, 1), address(192, 168, 1, 1), address(100, 64, 0, 1)] {
            #expect(own.isPrivate && !own.isLoopback)
        }
        for other in [address(172, 32, 0, 1), address(192, 169, 1, 1), address(8, 8, 8, 8), address(100, 128, 0, 1)] {
            #expect(!other.isPrivate)
        }
        #expect(address(127, 0, 0, 9).isLoopback)
        #expect(Socket.Address(family: 10, bytes: [], host: [0xFD] + Array(repeating: 0, count: 15)).isPrivate)
        #expect(Socket.Address(family: 10, bytes: [], host: Array(repeating: 0, count: 15) + [1]).isLoopback)
    }
}
