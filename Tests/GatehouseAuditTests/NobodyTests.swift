import GatehouseCore
import Testing

@testable import GatehouseAudit

/// Events without an established caller: few are recorded one by one, all are counted, and none takes an established caller's room.
struct NobodyTests {
    /// A refusal before anybody was established, with its outcome.
    @discardableResult
    private func refuse(_ number: UInt64, from address: String, at: Timestamp, in lane: SpoolLane) -> AuditReceipt {
        var facts = AuditFacts(.decision, of: Sample.requestID(number), at: at)
        facts.refusal = .assertionMissing
        let receipt = Sample.bytes("GET", "/", address) { texts in
            facts.httpMethod = texts[0]
            facts.path = texts[1]
            facts.clientIP = texts[2]
            return lane.record(facts)
        }
        guard receipt == .recorded else { return receipt }
        var outcome = AuditFacts(.outcome, of: Sample.requestID(number), at: at)
        outcome.isOfNobody = true
        outcome.status = 401
        outcome.ending = .complete
        #expect(lane.record(outcome) == .recorded)
        return receipt
    }

    private func decisions(_ sink: MemorySink) -> [AuditEvent] { sink.events.filter { $0.kind == .decision } }

    @Test func `beyond fifty a second an address one event says how many`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        let lanes = try (0..<2).map { try system.lane(for: $0) }
        for number in 0..<400 as Range<UInt64> {
            refuse(number, from: "203.0.113.9", at: Sample.start, in: lanes[Int(number % 2)])
            if number % 20 == 0 { system.settleAll() }
        }
        // A refusal of another address, and one in the next second.
        #expect(refuse(1000, from: "203.0.113.10", at: Sample.start, in: lanes[0]) == .recorded)
        #expect(refuse(1001, from: "203.0.113.9", at: Sample.start + .seconds(1), in: lanes[0]) == .recorded)
        #expect(system.state(at: Sample.start).counted == 350)
        system.shutdown(within: .seconds(10))
        let decisions = decisions(sink)
        #expect(decisions.count { $0.integer(.requests) == nil } == 52)
        // One for each loop.
        let told = decisions.filter { $0.integer(.requests) != nil }
        #expect(told.compactMap { $0.integer(.requests) } == [175, 175])
        #expect(told.allSatisfy { $0.text(.clientIP) == "203.0.113.9" && $0.reason == .assertionMissing })
        #expect(told.allSatisfy { $0.at == Sample.start && $0.text(.principalKind) == "none" })
        // Each has its outcome.
        #expect(sink.events.count { $0.kind == .outcome } == decisions.count)
        #expect(system.state(at: Sample.start).lostOutcomes == 0)
    }

    @Test func `addresses without number are told in one event without an address`() throws {
        let scratch = Scratch()
        let sink = MemorySink()
        let system = try AuditSystem(scratch.settings, sink: sink)
        let lane = try system.lane(for: 0)
        let total = 20_000
        for number in 0..<total {
            refuse(UInt64(number), from: "2001:db8::\(number)", at: Sample.start, in: lane)
            if number % 10 == 0 { system.settleAll() }
        }
        system.shutdown(within: .seconds(30))
        let decisions = decisions(sink)
        let single = decisions.count { $0.integer(.requests) == nil }
        #expect(single > AddressLimits.places / 2 && single <= AddressLimits.places)
        let told = decisions.compactMap { $0.integer(.requests) }.reduce(0, +)
        #expect(single + Int(told) == total)
        let overflow = decisions.filter { $0.integer(.requests) != nil && $0.text(.clientIP).isEmpty }
        #expect(overflow.count == 1)
        #expect(decisions.count <= single + RequestTally.maximumRows + 1)
    }

    @Test func `they fill no more than their share, and an established caller is recorded`() throws {
        let scratch = Scratch()
        var settings = scratch.settings
        settings.maxSpool = 1 << 20
        let sink = MemorySink()
        sink.fail(.max)
        let system = try AuditSystem(settings, sink: sink)
        let lane = try system.lane(for: 0)
        for number in 0..<20_000 as Range<UInt64> {
            let at = Sample.start + .seconds(Int64(number / 50))
            refuse(number, from: "203.0.113.9", at: at, in: lane)
            if number % 10 == 0 { system.writeAll() }
        }
        system.writeAll()
        #expect(system.drain.step() == .failed)
        let filled = system.state(at: Sample.start).depthBytes
        #expect(filled > settings.maxSpool / 20 && filled < settings.maxSpool / 4, "\(filled)")
        for number in 0..<1000 as Range<UInt64> {
            #expect(Sample.decision(number) { lane.record($0) } == .recorded)
            if number % 50 == 0 { system.writeAll() }
        }
        system.writeAll()
        #expect(system.state(at: Sample.start).lostDecisions == 0)
        // The sink is back: so is the share of these events, and the counted ones are recorded.
        sink.fail(0)
        system.settleAll()
        #expect(refuse(30_000, from: "203.0.113.9", at: Sample.start + .seconds(9999), in: lane) == .recorded)
        system.shutdown(within: .seconds(10))
        let told = decisions(sink).reduce(0) { $0 + ($1.integer(.requests) ?? 0) }
        let single = decisions(sink).count { $0.integer(.requests) == nil && $0.principal.isEmpty }
        #expect(Int(told) + single == 20_001)
    }

    @Test func `they fill no more than their share of a ring that nobody empties`() throws {
        let scratch = Scratch()
        let system = try AuditSystem(scratch.settings, sink: MemorySink())
        let lane = try system.lane(for: 0)
        for number in 0..<20_000 as Range<UInt64> {
            refuse(number, from: "203.0.113.9", at: Sample.start + .seconds(Int64(number / 50)), in: lane)
        }
        for number in 0..<50 as Range<UInt64> {
            #expect(Sample.decision(number) { lane.record($0) } == .recorded)
        }
        #expect(system.state(at: Sample.start).lostDecisions == 0)
    }

    @Test func `what waits in the spool at a start is taken from their share`() throws {
        let scratch = Scratch()
        var settings = scratch.settings
        settings.maxSpool = 1 << 18
        do {
            let sink = MemorySink()
            sink.fail(.max)
            let system = try AuditSystem(settings, sink: sink)
            let lane = try system.lane(for: 0)
            for number in 0..<200 as Range<UInt64> {
                _ = Sample.decision(number) { lane.record($0) }
                if number % 50 == 0 { system.writeAll() }
            }
            system.writeAll()
        }
        let system = try AuditSystem(settings, sink: MemorySink())
        let lane = try system.lane(for: 0)
        #expect(refuse(1, from: "203.0.113.9", at: Sample.start, in: lane) == .counted)
        #expect(Sample.decision(2) { lane.record($0) } == .recorded)
        system.settleAll()
        #expect(refuse(3, from: "203.0.113.9", at: Sample.start, in: lane) == .recorded)
    }
}
