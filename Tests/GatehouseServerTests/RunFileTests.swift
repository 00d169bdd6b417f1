import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseServer

@Suite("The run file") struct RunFileTests {
    private let own: OwnFolder
    private var folder: String { own.path }

    init() throws { own = try OwnFolder("run") }

    private static func file() -> RunFile {
        RunFile.ofThisProcess(
            admin: .tcp(host: "127.0.0.1", port: 9090),
            configuration: "/etc/gatehouse/gatehouse.yaml",
            version: "1.2.3",
            startedAt: Timestamp(seconds: 1_700_000_000)
        )
    }

    @Test func `says where the instance is and who may ask it to do something`() throws {
        #expect(try RunFile.read(spool: folder) == nil)
        let written = Self.file()
        try written.write(spool: folder)
        var status = stat()
        #expect(stat(RunFile.path(spool: folder), &status) == 0 && status.st_mode & 0o777 == 0o600)
        let read = try #require(try RunFile.read(spool: folder))
        #expect(read.admin == written.admin && read.processID == Int(getpid()))
        #expect(read.configuration == written.configuration && read.version == "1.2.3")
        #expect(read.startedAt == written.startedAt)
        let key = read.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        #expect(key.utf8.count == 43)
        #expect(written.opens(key))
        for wrong in [nil, "", String(key.dropLast()), key + "A", String(key.reversed())] {
            #expect(!written.opens(wrong))
        }
        // Each run has another.
        #expect(!Self.file().opens(key))
        // The file of an instance that has taken over from this one: in containers each is process 1.
        let other = Self.file()
        try other.write(spool: folder)
        read.remove(spool: folder)
        #expect(try RunFile.read(spool: folder)?.key == other.key)
        other.remove(spool: folder)
        #expect(try RunFile.read(spool: folder) == nil)
    }

    @Test func `of a process that has ended is none`() throws {
        let child = try Process.run(URL(fileURLWithPath: "/bin/true"), arguments: [])
        child.waitUntilExit()
        let text = #"{"pid":\#(child.processIdentifier),"admin":"127.0.0.1:9","key":"x"}"#
        try Data(text.utf8).write(to: URL(fileURLWithPath: RunFile.path(spool: folder)))
        #expect(try RunFile.read(spool: folder) == nil)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"pid":1}"#, #"{"pid":0,"admin":"127.0.0.1:9","key":"x"}"#,
        #"{"pid":1,"admin":"nowhere","key":"x"}"#, #"{"pid":1,"admin":"127.0.0.1:9","key":""}"#,
    ])
    func `that is none is said to be none`(text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: RunFile.path(spool: folder)))
        #expect(throws: GatehouseError.self) { try RunFile.read(spool: folder) }
    }

    @Test func `is no symbolic link that somebody planted`() throws {
        try Self.file().write(spool: folder)
        let path = RunFile.path(spool: folder)
        try FileManager.default.moveItem(atPath: path, toPath: "\(folder)/elsewhere")
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "elsewhere")
        #expect(throws: GatehouseError.self) { try RunFile.read(spool: folder) }
    }

    @Test func `an outcome reads back as it was`() throws {
        var outcome = ReloadOutcome(.held, problems: ["line\none", "\"two\""])
        outcome.changes = ["access changed"]
        outcome.gains = ["route 'a': ü"]
        outcome.losses = ["x"]
        outcome.waiting = ["listen"]
        outcome.warnings = ["w"]
        outcome.secondsLeft = 7
        #expect(ReloadOutcome(json: outcome.json.bytes) == outcome)
        #expect(ReloadOutcome(json: ReloadOutcome(.taken).json.bytes) == ReloadOutcome(.taken))
        for text in ["", "{}", "[]", #"{"result":"what"}"#, #"{"result":"taken","gains":[1]}"#] {
            #expect(ReloadOutcome(json: Array(text.utf8)) == nil)
        }
    }
}
