import GatehouseCore
import Testing

@testable import GatehouseAudit

/// Plays somebody who has a master key that leaked and was retired, and can write to the database.
struct RetiredKeyTests {
    private static let end = Sample.start + .seconds(1000)

    /// The key that leaked and the one that took its place, before the end of the first and after it.
    private static func keys(retired: Bool) -> AuditKeys {
        func purpose(_ mark: UInt8) -> PurposeKeys {
            let (new, old) = (
                Secret([UInt8](repeating: 32 &+ mark, count: 32)), Secret([UInt8](repeating: 16 &+ mark, count: 32))
            )
            return retired
                ? PurposeKeys(current: new, ended: [.init(key: old, at: end)]) : PurposeKeys(current: new, older: [old])
        }
        return AuditKeys(chain: purpose(1), digest: purpose(2), sealing: purpose(3), ring: purpose(4))
    }

    private static func record(
        _ scratch: Scratch,
        _ numbers: Range<UInt64>,
        _ keys: AuditKeys,
        after seconds: Int64
    ) throws {
        let system = try AuditSystem(scratch.chained(keys), sink: SQLiteSink(path: scratch.database))
        let lane = try system.lane(for: 0)
        for number in numbers {
            let at = Sample.start + .seconds(seconds) + .milliseconds(Int64(number))
            _ = Sample.decision(number, at: at) { lane.record($0) }
        }
        system.settleAll()
    }

    private static func kinds(_ scratch: Scratch, heads: [AuditHead] = []) throws -> [ChainBreak.Kind] {
        try scratch.verify(keys(retired: true), heads: heads).flatMap(\.breaks).map(\.kind)
    }

    @Test func `what was made before the end holds, across the change of keys`() throws {
        let scratch = Scratch()
        try Self.record(scratch, 0..<20, Sample.keys(1), after: 0)
        try Self.record(scratch, 20..<40, Self.keys(retired: false), after: 500)
        try Self.record(scratch, 40..<60, Self.keys(retired: true), after: 2000)
        #expect(try scratch.verify(Self.keys(retired: true)).map(\.events) == [60])
        #expect(try Self.kinds(scratch).isEmpty)
    }

    @Test func `events under the retired key after its end are named`() throws {
        let scratch = Scratch()
        try Self.record(scratch, 0..<20, Sample.keys(1), after: 0)
        // The clocks of two machines may differ a little.
        try Self.record(scratch, 20..<21, Sample.keys(1), after: 1030)
        #expect(try Self.kinds(scratch).isEmpty)
        try Self.record(scratch, 21..<30, Sample.keys(1), after: 2000)
        let breaks = try scratch.verify(Self.keys(retired: true)).flatMap(\.breaks)
        #expect(breaks.map(\.kind) == [.retiredKey])
        #expect(breaks.map(\.sequence) == [22] && breaks.map(\.through) == [30])
    }

    @Test func `an event with a time before the end is named behind one of the key that followed`() throws {
        let scratch = Scratch()
        try Self.record(scratch, 0..<20, Self.keys(retired: true), after: 2000)
        try Self.record(scratch, 20..<30, Sample.keys(1), after: 0)
        #expect(try Self.kinds(scratch) == [.retiredKey])
    }

    @Test func `a head that the retired key signed after its end is forged`() throws {
        let scratch = Scratch()
        try Self.record(scratch, 0..<20, Sample.keys(1), after: 0)
        let report = try #require(try scratch.verify(Self.keys(retired: true)).first)
        func head(_ seconds: Int64) -> AuditHead {
            AuditHead(
                signing: .head,
                of: report.writer,
                20,
                report.lastHash,
                at: Sample.start + .seconds(seconds),
                keys: Sample.keys(1).chain
            )
        }
        #expect(try Self.kinds(scratch, heads: [head(10)]).isEmpty)
        #expect(try Self.kinds(scratch, heads: [head(2000)]) == [.forgedHead])
    }
}
