import Foundation
import GatehouseCore
import Synchronization
import Testing
import Threads

@testable import GatehouseAudit

/// The failures around the audit, each with the answer to requests, the metric that counts it, the word in readiness, and the proof that it heals
/// without anybody's help once its cause is gone.
struct FailureTests {
    /// Records until the lane refuses.
    private func fill(_ lane: SpoolLane, _ system: AuditSystem, from first: UInt64 = 0) -> UInt64 {
        var number = first
        while Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
        return number
    }

    private func everything(in sink: MemorySink, is numbers: Range<UInt64>) -> Bool {
        sink.events.map(\.requestID.low) == Array(numbers)
            && zip(sink.records, sink.records.dropFirst()).allSatisfy { $0.hash == $1.previousHash }
    }

    @Test(.enabled(if: Alone.canMount, "needs to mount a tmpfs in a namespace: root with CAP_SYS_ADMIN"))
    func `a disk that fills refuses, says so, and recovers by itself`() throws {
        let scratch = Scratch()
        try Alone.run {
            try Alone.mountTemporary(at: scratch.path, size: "1m")
            defer { Alone.unmount(scratch.path) }
            let sink = MemorySink()
            let system = try AuditSystem(scratch.chained(), sink: sink)
            let lane = try system.lane(for: 0)
            // Something else fills the disk.
            let filler = "\(scratch.path)/filler"
            var blocks = [UInt8](repeating: 1, count: 1 << 20)
            while !blocks.isEmpty {
                do {
                    let file = try Descriptor(opening: filler, O_WRONLY | O_CREAT)
                    try file.write(blocks, at: file.length)
                } catch { blocks.removeLast(max(1, blocks.count / 2)) }
            }
            var number: UInt64 = 0
            while system.state(at: Sample.start).word == .ready {
                while number % 8 != 7, Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
                if Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
                system.settleAll()
            }
            #expect(system.state(at: Sample.start).word == .diskFull)
            #expect(!system.state(at: Sample.start).isReady)
            let more = fill(lane, system, from: number)
            #expect(Sample.decision(more) { lane.record($0) } == .unavailable)
            #expect(system.state(at: Sample.start).lostDecisions > 0)
            #expect(system.writer.step() == .blocked)
            // Even now the sink's progress can be stored: the cursor is written over itself.
            system.settleAll()
            #expect(system.state(at: Sample.start).sinkTrouble == nil)
            try FileManager.default.removeItem(atPath: filler)
            system.settleAll()
            #expect(system.state(at: Sample.start).word == .ready)
            #expect(Sample.decision(more) { lane.record($0) } == .recorded)
            system.settleAll()
            #expect(everything(in: sink, is: 0..<more + 1))
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become a user whom the disk refuses, and root again"))
    func `permission that is lost refuses, says so, and recovers by itself`() throws {
        let scratch = Scratch()
        try Alone.run {
            let sink = MemorySink()
            let system = try AuditSystem(scratch.chained(), sink: sink)
            let lane = try system.lane(for: 0)
            var number = fill(lane, system)
            system.settleAll()
            chmod(scratch.path, 0o755)
            chmod(scratch.spool, 0o555)
            // Root may do everything, so this thread goes on as somebody else.
            Alone.become(65_534)
            while system.state(at: Sample.start).word == .ready {
                number = fill(lane, system, from: number)
                _ = system.writer.step()
            }
            #expect(system.state(at: Sample.start).word == .spoolDenied)
            #expect(fill(lane, system, from: number) >= number)
            #expect(Sample.decision(number) { lane.record($0) } == .unavailable)
            Alone.become(0)
            system.settleAll()
            #expect(system.state(at: Sample.start).word == .ready)
            number += 1
            #expect(sink.events.count >= Int(number) - 1)
            #expect(everything(in: sink, is: 0..<UInt64(sink.records.count)))
        }
    }

    @Test func `a spool that is taken away refuses, is made again, and loses nothing of what was recorded`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.chained(), sink: sink)
        let lane = try system.lane(for: 0)
        for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.settleAll()
        for number in 10..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        try FileManager.default.removeItem(atPath: scratch.spool)
        #expect(system.writer.step() == .blocked)
        #expect(system.state(at: Sample.start).word == .spoolGone)
        #expect(Sample.decision(20) { lane.record($0) } == .unavailable)
        #expect(system.state(at: Sample.start).lostDecisions == 1)
        system.settleAll()
        #expect(system.state(at: Sample.start).word == .ready)
        #expect(system.state(at: Sample.start).damaged == 1)
        #expect(Sample.decision(20) { lane.record($0) } == .recorded)
        system.settleAll()
        #expect(everything(in: sink, is: 0..<21))
        // It is a whole spool again: what is recorded now outlives the process.
        _ = Sample.decision(21) { lane.record($0) }
        let left = scratch.bytes(of: "lane-0.ring")
        #expect(scratch.ring(left, Sample.keys(1)).events.count == 1)
    }

    @Test func `a spool whose place cannot be had any more keeps refusing and says why`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.chained(), sink: MemorySink())
        let lane = try system.lane(for: 0)
        try FileManager.default.removeItem(atPath: scratch.path)
        for _ in 0..<3 { #expect(system.writer.step() == .blocked) }
        #expect(system.state(at: Sample.start).word == .spoolGone)
        #expect(Sample.decision(1) { lane.record($0) } == .unavailable)
        scratch.makeDirectory("")
        #expect(system.writer.step() == .idle)
        #expect(Sample.decision(1) { lane.record($0) } == .recorded)
    }

    @Test func `a segment that is taken away costs what the sink had not read of it, and verify names that`() throws {
        let scratch = Scratch()
        try scratch.store(0..<10, scratch.chained())
        do {
            let system = try AuditSystem(scratch.chained(), sink: SQLiteSink(path: scratch.database))
            let lane = try system.lane(for: 0)
            for number in 10..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.writeAll()
            for name in scratch.segments() { unlink("\(scratch.spool)/\(name)") }
            for number in 20..<30 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.settleAll()
            #expect(system.state(at: Sample.start).damaged == 1)
        }
        let found = try #require(try scratch.verify().first?.breaks.first)
        #expect(found.kind == .missing && found.sequence == 11 && found.through == 20)
    }

    @Test func `with the spool taken away and on_failure allow requests pass and are counted`() throws {
        let scratch = Scratch()
        var settings = scratch.chained()
        settings.onFailure = .allow
        let system = try AuditSystem(settings, sink: MemorySink())
        let lane = try system.lane(for: 0)
        try FileManager.default.removeItem(atPath: scratch.path)
        #expect(system.writer.step() == .blocked)
        #expect(Sample.decision(1) { lane.record($0) } == .recorded)
        #expect(system.state(at: Sample.start).lostDecisions == 1)
    }

    @Test func `a sink that is down for hours costs nothing but room, until the quota`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        var settings = scratch.chained()
        settings.maxSpool = 4 * settings.segmentSize
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        sink.fail(1_000_000)
        var number: UInt64 = 0
        while system.state(at: Sample.start).word != .spoolFull {
            number = fill(lane, system, from: number)
            system.writeAll()
            #expect(system.drain.step() == .failed)
            if system.state(at: Sample.start).writerTrouble == nil {
                let state = system.state(at: Sample.start + .seconds(5 * 3600))
                #expect(state.word == .sinkDown && state.isReady && state.lag > .seconds(4 * 3600))
            }
        }
        #expect(!system.state(at: Sample.start).isReady)
        #expect(scratch.segments().count >= 2)
        sink.fail(0)
        for _ in 0..<3 { system.settleAll() }
        #expect(system.state(at: Sample.start).word == .ready)
        #expect(everything(in: sink, is: 0..<number))
        #expect(scratch.segments().count <= 1 + AuditSystem.Settings.defaultKeptSegments)
    }

    @Test func `a sink that is slow is said to be, and everything arrives`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        var settings = scratch.chained()
        settings.batch = 1
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        for number in 0..<10 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
        system.writeAll()
        #expect(system.drain.step() == .delivered(1))
        let late = system.state(at: Sample.start + .seconds(60))
        #expect(late.word == .sinkSlow && late.isReady && late.depthEvents == 9)
        system.settleAll()
        #expect(system.state(at: Sample.start + .seconds(60)).word == .ready)
        #expect(everything(in: sink, is: 0..<10))
    }

    @Test func `trouble is told once when it comes and once when it goes`() throws {
        let scratch = Scratch()
        let told = Mutex<[AuditState.Word]>([])
        var settings = scratch.chained()
        settings.retry = (.milliseconds(1), .milliseconds(2))
        settings.onChange = { word, trouble in
            #expect((trouble == nil) == (word == .ready))
            told.withLock { $0.append(word) }
        }
        let sink = MemorySink()
        sink.fail(20)
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        _ = Sample.decision(1) { lane.record($0) }
        try system.start()
        while sink.records.isEmpty || told.withLock({ $0.last != .ready }) { sched_yield() }
        system.shutdown(within: .seconds(60))
        #expect(told.withLock { $0 } == [.sinkDown, .ready])
    }

    @Test func `every word is said of its cause`() {
        var state = AuditState()
        #expect(state.word == .ready && state.isReady)
        state.sinkTrouble = AuditError(.sinkFailed, "")
        #expect(state.word == .sinkDown && state.isReady)
        state.writerTrouble = AuditError(.spoolUnusable, "", number: EIO)
        #expect(state.word == .spoolBlocked && !state.isReady)
        for (number, word) in [
            (ENOSPC, AuditState.Word.diskFull), (EDQUOT, .diskFull), (EROFS, .spoolDenied), (EACCES, .spoolDenied),
            (EPERM, .spoolDenied), (ENOENT, .spoolGone), (ENOTDIR, .spoolGone),
        ] {
            state.writerTrouble = AuditError(.spoolUnusable, "", number: number)
            #expect(state.word == word)
        }
    }
}

/// A thread of its own, whose mounts and user are its own too: the kernel keeps both for each thread, glibc only hides that.
enum Alone {
    private typealias Unshare = @convention(c) (Int32) -> Int32
    private typealias Mount =
        @convention(c) (
            UnsafePointer<CChar>?, UnsafePointer<CChar>, UnsafePointer<CChar>?, UInt, UnsafeRawPointer?
        ) -> Int32
    private typealias Unmount = @convention(c) (UnsafePointer<CChar>) -> Int32
    private typealias SetUser = @convention(c) (UInt32) -> Int32

    /// GNU's own calls, which Swift does not import.
    private static func call<Call>(_ name: String, as type: Call.Type) -> Call {
        unsafeBitCast(dlsym(dlopen(nil, RTLD_NOW), name), to: type)
    }

    private static let newNamespace: Int32 = 0x0002_0000  // CLONE_NEWNS
    private static let ownFolders: Int32 = 0x0000_0200  // CLONE_FS
    private static let isPrivate: UInt = 1 << 18 | 1 << 14  // MS_PRIVATE | MS_REC

    static let canMount: Bool = {
        guard geteuid() == 0 else { return false }
        let scratch = Scratch()
        return
            (try? run {
                try mountTemporary(at: scratch.path, size: "64k")
                unmount(scratch.path)
            }) != nil
    }()

    /// Runs to the end of `body` on the thread.
    static func run(_ body: @escaping () throws -> Void) throws {
        nonisolated(unsafe) let body = body
        nonisolated(unsafe) var failure: (any Error)?
        let thread = try OwnedThread(named: "alone") {
            do { try body() } catch { failure = error }
        }
        thread.join()
        if let failure { throw failure }
    }

    static func mountTemporary(at path: String, size: String) throws {
        guard call("unshare", as: Unshare.self)(newNamespace | ownFolders) == 0 else {
            throw AuditError.system("unshare", path)
        }
        let mount = call("mount", as: Mount.self)
        guard mount(nil, "/", nil, isPrivate, nil) == 0,
            size.withCString({ _ in "size=\(size)".withCString { mount("tmpfs", path, "tmpfs", 0, $0) } }) == 0
        else { throw AuditError.system("mount", path) }
    }

    static func unmount(_ path: String) { _ = call("umount", as: Unmount.self)(path) }

    /// Changes the user that the file system takes the thread for. Gives up root's right to everything on files.
    static func become(_ user: UInt32) { _ = call("setfsuid", as: SetUser.self)(user) }
}
