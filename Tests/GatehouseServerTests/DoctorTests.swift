import Foundation
import GatehouseConfig
import GatehouseCore
@testable import GatehouseOperations
@testable import GatehouseServer
import GatehouseTestSupport
import GatehouseTokens
import SocketLoop
import Testing

@Suite struct TheDoctor {
    /// The worst of each probe.
    private func verdicts(_ configuration: Configuration) async -> [Finding.Probe: Finding.Verdict] {
        var all: [Finding.Probe: Finding.Verdict] = [:]
        await Doctor(configuration).examine { all[$0.probe] = max(all[$0.probe] ?? .ok, $0.verdict) }
        return all
    }

    @Test func `names each thing that is missing, and goes on`() async throws {
        let fixture = try DoctorFixture()
        let found = await verdicts(try fixture.configuration())
        #expect(found[.certs] == .fail)
        #expect(found[.masterKey] == .fail)
        #expect(found[.store] == .fail)
        #expect(found[.upstream] == .fail)
        #expect(found[.secrets] == .warn)
        // Files that the first start makes are no fault.
        #expect(found[.spool] == .ok && found[.auditSink] == .ok && found[.listener] == .ok)
        // And nothing runs.
        #expect(found[.admin] == .warn)
        #expect(found[.exposure] == .ok)
    }

    /// All names below the folder, with what would change if somebody wrote.
    private func listing(_ fixture: DoctorFixture) throws -> [String: Date] {
        let manager = FileManager.default
        return try manager.subpathsOfDirectory(atPath: fixture.path).reduce(into: [:]) { list, name in
            list[name] = try manager.attributesOfItem(atPath: "\(fixture.path)/\(name)")[.modificationDate] as? Date
        }
    }

    @Test func `makes no file where nothing is yet`() async throws {
        let fixture = try DoctorFixture()
        try fixture.write(
            MasterKey.generate().encoded.withUnsafeBytes { String(decoding: $0, as: UTF8.self) },
            to: "key"
        )
        let before = try listing(fixture)
        let found = await verdicts(try fixture.configuration())
        #expect(found[.store] == .ok && found[.token] == .fail)
        #expect(try listing(fixture) == before)
    }

    @Test func `makes no file beside databases that nobody has open, and reads them`() async throws {
        let fixture = try DoctorFixture()
        try fixture.write(
            MasterKey.generate().encoded.withUnsafeBytes { String(decoding: $0, as: UTF8.self) },
            to: "key"
        )
        let configuration = try fixture.configuration()
        func fill() async throws {
            let store = try StoreAssembly.store(configuration.store.settings, names: [])
            _ = try await store.set(try TokenName(parsing: "coda"), to: Secret("a-long-token"), try TokenChange())
        }
        try await fill()
        // The connection is closed when its actor is gone, which takes the log with it.
        while FileManager.default.fileExists(atPath: "\(fixture.path)/tokens.db-wal") { await Task.yield() }
        let before = try listing(fixture)
        let found = await verdicts(configuration)
        #expect(found[.store] == .ok && found[.token] == .ok)
        #expect(try listing(fixture) == before)
    }

    @Test func `says when no instance runs, and that is no failure`() async throws {
        var found: [Finding] = []
        await Doctor(try DoctorFixture().configuration()).examine { found.append($0) }
        let instance = found.filter { $0.detail.contains("no instance runs") }
        #expect(instance.map(\.verdict) == [.warn])
    }

    @Test func `tells what only the instance that runs can know, as a second writer to its audit`() async throws {
        let facts = #"""
            {"ready":"degraded","checks":{"audit":{"ready":true,"detail":"writer_duplicated"}},"findings":[
            {"probe":"audit-sink","verdict":"fail","subject":"","detail":"writer_duplicated: another process stores","advice":"one spool each"},
            {"probe":"certs","verdict":"warn","subject":"","detail":"looked at by the doctor itself"}]}
            """#
        let instance = try await LoopbackHTTP.start { _ in LoopbackHTTP.Answer(200, facts) }
        let admin = instance.url.replacing("http://", with: "")
        var found: [Finding] = []
        await Doctor(try DoctorFixture().configuration(admin: admin)).examine { found.append($0) }
        let told = found.filter { $0.detail.hasPrefix("the instance says: ") }
        #expect(told.map(\.probe) == [.auditSink] && told.map(\.verdict) == [.fail])
        #expect(told.first?.detail.contains("writer_duplicated") == true && told.first?.advice == "one spool each")
        await instance.close()
    }

    @Test func `looks at the configuration file itself`() throws {
        let fixture = try DoctorFixture()
        try fixture.write("x", to: "gatehouse.yaml", mode: 0o666)
        let found = Doctor(try fixture.configuration(), path: "\(fixture.path)/gatehouse.yaml").file()
        #expect(found.contains { $0.verdict == .fail && $0.detail.contains("others may write it") })
    }

    @Test func `says when fewer connections fit than are allowed`() throws {
        let doctor = Doctor(try DoctorFixture().configuration(limits: "{ connections: 1000 }"))
        #expect(doctor.openFiles(DescriptorLimit(2256)).verdict == .ok)
        let found = doctor.openFiles(DescriptorLimit(1024))
        #expect(found.verdict == .warn && found.detail.contains("384 connections fit"))
    }

    @Test(arguments: [(0o400, Finding.Verdict.ok), (0o644, .warn), (0o666, .fail)])
    func `looks at the modes of files that hold secrets`(mode: Int, verdict: Finding.Verdict) throws {
        let fixture = try DoctorFixture()
        try fixture.write("not a key", to: "key", mode: mode)
        let found = Doctor(try fixture.configuration()).secretFiles()
        #expect(found.map(\.verdict) == [verdict])
        #expect(!"\(found)".contains("not a key"))
    }

    @Test func `sees a spool that others may write, and one that cannot be made`() throws {
        let fixture = try DoctorFixture()
        let spool = "\(fixture.path)/spool"
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: spool)
        #expect(Doctor(try fixture.configuration()).spool().map(\.verdict) == [.fail])
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: spool)
        #expect(Doctor(try fixture.configuration()).spool().first?.verdict != .fail)
        let nowhere = try fixture.configuration()
        try FileManager.default.removeItem(atPath: fixture.path)
        #expect(Doctor(nowhere).spool().map(\.verdict) == [.fail])
    }

    @Test(arguments: [
        ("http://127.0.0.1:1", Finding.Verdict.ok), ("unix:/run/mcp.sock", .ok), ("http://203.0.113.9:80", .fail),
        ("https://203.0.113.9", .ok),
    ])
    func `judges who else reaches an upstream by its address`(upstream: String, verdict: Finding.Verdict) throws {
        let configuration = try DoctorFixture().configuration(upstream: upstream)
        #expect(Doctor(configuration).exposure(configuration.routes.routes[0]).verdict == verdict)
    }

    @Test func `warns of an admin listener that is open to others`() async throws {
        let found = await verdicts(try DoctorFixture().configuration(admin: "0.0.0.0:0"))
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
