import GatehouseCore
import Glibc
import Testing

@testable import GatehouseAudit

struct SpoolTests {
    @Test func `what is recorded reaches the sink in order`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        let lane = try system.lane(for: 0)
        for number in 0..<20 as Range<UInt64> {
            #expect(Sample.decision(number) { lane.record($0) } == .recorded)
            #expect(Sample.outcome(number) { lane.record($0) } == .recorded)
        }
        system.settleAll()
        #expect(sink.records.map(\.sequence) == Array(1...40))
        #expect(sink.events.map(\.requestID) == (0..<40).map { Sample.requestID(UInt64($0 / 2)) })
        let state = system.state(at: Sample.start)
        #expect(state.recorded == 40)
        #expect(state.depthEvents == 0)
        #expect(state.depthBytes == 0)
        #expect(state.word == .ready)
    }

    @Test func `settings out of bounds are named`() {
        let scratch = Scratch()
        let changes: [(inout AuditSystem.Settings) -> Void] = [
            { $0.spool = "" }, { $0.laneSize = 100_000 }, { $0.laneSize = 1 << 12 }, { $0.segmentSize = 1 },
            { $0.maxSpool = 1 << 10 }, { $0.batch = 0 }, { $0.tick = .zero },
        ]
        for change in changes {
            var settings = scratch.settings
            change(&settings)
            #expect { try AuditSystem(settings, sink: DiscardingSink()) } throws: {
                ($0 as? AuditError)?.code == .settings
            }
        }
    }

    @Test func `a spool that cannot be made is an error`() {
        var settings = AuditSystem.Settings(spool: "/proc/no/such/place")
        settings.laneSize = 1 << 16
        #expect { try AuditSystem(settings, sink: DiscardingSink()) } throws: {
            ($0 as? AuditError)?.code == .spoolUnusable
        }
    }

    @Test func `standard output gets one line an event`() throws {
        let scratch = Scratch()
        let file = try Descriptor(opening: "\(scratch.path)/out", O_RDWR | O_CREAT)
        let system = try AuditSystem(scratch.settings, sink: StreamSink(file.number))
        let lane = try system.lane(for: 0)
        _ = Sample.decision(1, refusal: .toolDenied) { lane.record($0) }
        _ = Sample.outcome(1) { lane.record($0) }
        system.settleAll()
        let lines = String(decoding: try file.readAll(), as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].contains(#""kind":"decision""#))
        #expect(lines[0].contains(#""reason":"tool_denied""#))
        #expect(lines[1].contains(#""ended":"complete""#))
        #expect(lines[1].contains(#""seq":2"#))
    }

    @Test func `a restart after shutdown finds nothing to recover`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        do {
            let system = try AuditSystem(scratch.settings, sink: sink)
            let lane = try system.lane(for: 0)
            try system.start()
            for number in 0..<20 as Range<UInt64> { _ = Sample.decision(number) { lane.record($0) } }
            system.shutdown(within: .seconds(30))
        }
        #expect(sink.events.map(\.requestID.low) == Array(0..<20))
        let system = try AuditSystem(scratch.settings, sink: sink)
        #expect(system.report == SpoolReport())
    }

    @Test func `a second process is refused the spool`() throws {
        let scratch = Scratch()
        let first = try AuditSystem(scratch.settings, sink: DiscardingSink())
        #expect { try AuditSystem(scratch.settings, sink: DiscardingSink()) } throws: {
            ($0 as? AuditError)?.code == .spoolInUse
        }
        _ = first
    }

    @Test func `a full ring refuses decisions, and keeps room for outcomes`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        var recorded: UInt64 = 0
        while Sample.decision(recorded, { lane.record($0) }) == .recorded { recorded += 1 }
        #expect(recorded > 100)
        #expect(Sample.outcome(1) { lane.record($0) } == .recorded)
        #expect(system.state(at: Sample.start).lostDecisions == 1)
        system.writeAll()
        #expect(Sample.decision(recorded) { lane.record($0) } == .recorded)
    }

    @Test func `a full ring is served and counted when the operator allows it`() throws {
        let scratch = Scratch()
        var settings = scratch.settings
        settings.onFailure = .allow
        let system = try AuditSystem(settings, sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        for number in 0..<1000 as Range<UInt64> {
            #expect(Sample.decision(number) { lane.record($0) } == .recorded)
        }
        let state = system.state(at: Sample.start)
        #expect(state.lostDecisions > 0)
        #expect(state.recorded + state.lostDecisions == 1000)
    }

    @Test func `the ring turns many times without losing an event`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        let lane = try system.lane(for: 0)
        var number: UInt64 = 0
        for _ in 0..<60 {
            while Sample.decision(number, { lane.record($0) }) == .recorded { number += 1 }
            system.settleAll()
        }
        #expect(number > 5000)
        #expect(sink.events.map(\.requestID) == (0..<number).map { Sample.requestID($0) })
        #expect(scratch.segments().count == 1 + AuditSystem.Settings.defaultKeptSegments)
    }

    @Test func `a spool at its quota waits for the sink`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        sink.fail(1)
        var settings = scratch.settings
        settings.maxSpool = settings.segmentSize
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        var number: UInt64 = 0
        var refusals = 0
        while refusals < 2 {
            if Sample.decision(number, { lane.record($0) }) == .recorded {
                number += 1
            } else {
                refusals += 1
                system.writeAll()
            }
        }
        #expect(system.state(at: Sample.start).word == .spoolFull)
        #expect(system.drain.step() == .failed)
        #expect(system.state(at: Sample.start).sinkTrouble != nil)
        #expect(system.state(at: Sample.start).depthEvents > 0)
        for _ in 0..<4 { system.settleAll() }
        #expect(sink.events.map(\.requestID) == (0..<number).map { Sample.requestID($0) })
        #expect(system.state(at: Sample.start).word == .ready)
        #expect(Sample.decision(number) { lane.record($0) } == .recorded)
    }
}
