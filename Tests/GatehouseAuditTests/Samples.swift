import Foundation
import GatehouseCore
import Synchronization

@testable import GatehouseAudit

/// A directory of its own for each test, removed with it.
final class Scratch {
    let path: String

    /// A directory for tests that make thousands of files is kept off the disk, where the machine has a place for that.
    init(inMemory: Bool = false) {
        let shared = inMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
        let parent = shared ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory
        path = parent.appendingPathComponent("gatehouse-audit-\(UUID().uuidString)").path
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var spool: String { "\(path)/spool" }
    var database: String { "\(path)/audit.db" }

    /// Settings with the smallest sizes, so that bounds are met.
    var settings: AuditSystem.Settings {
        var settings = AuditSystem.Settings(spool: spool)
        settings.laneSize = 1 << 16
        settings.segmentSize = 1 << 16
        return settings
    }

    func segments() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: spool)) ?? []).filter { $0.hasSuffix(".seg") }.sorted()
    }

    func bytes(of name: String) -> [UInt8] {
        [UInt8](FileManager.default.contents(atPath: "\(spool)/\(name)") ?? Data())
    }

    func makeDirectory(_ name: String) {
        try! FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    func put(_ bytes: some Sequence<UInt8>, into name: String) {
        try! FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        try! Descriptor(opening: "\(spool)/\(name)", O_WRONLY | O_CREAT | O_TRUNC).write(Array(bytes), at: 0)
    }
}

enum Sample {
    static let route = try! Route(
        name: RouteName(parsing: "coda"),
        host: HostPattern(parsing: "coda.example.com"),
        audiences: ["aud"],
        upstream: Upstream(parsing: "http://coda:8080")
    )

    static let caller = Caller(
        principal: Principal(kind: .user, name: "ada@example.com", subject: "7335d417-61da-459d-899c-0a01c76a2f94"),
        expiresAt: Timestamp(seconds: 2_000_000_000),
        keyID: "b6f3d9e1c0a4"
    )

    static let start = Timestamp(seconds: 1_795_424_400)

    static func requestID(_ number: UInt64) -> RequestID { RequestID(high: 0x1234_5678_9ABC_DEF0, low: number) }

    /// A decision as the data plane hands it over.
    static func decision(
        _ number: UInt64,
        refusal: Reason? = nil,
        at: Timestamp? = nil,
        path: String = "/mcp",
        _ body: (borrowing AuditFacts) -> AuditReceipt
    ) -> AuditReceipt {
        var facts = AuditFacts(
            .decision,
            of: requestID(number),
            at: at ?? Timestamp(microseconds: start.microseconds + Int64(number) * 1000)
        )
        facts.route = route
        facts.caller = caller
        facts.refusal = refusal
        facts.token = (route.name.ownToken, 3)
        return bytes("POST", path, "tools/call", "17", "list_docs", "203.0.113.7", "8f2b6c1d0e4a-FRA") { texts in
            facts.httpMethod = texts[0]
            facts.path = texts[1]
            facts.rpcMethod = texts[2]
            facts.rpcID = texts[3]
            facts.target = texts[4]
            facts.clientIP = texts[5]
            facts.cfRay = texts[6]
            return body(facts)
        }
    }

    static func outcome(_ number: UInt64, status: Int = 200, _ body: (borrowing AuditFacts) -> AuditReceipt)
        -> AuditReceipt
    {
        var facts = AuditFacts(
            .outcome,
            of: requestID(number),
            at: Timestamp(microseconds: start.microseconds + Int64(number) * 1000 + 500)
        )
        facts.status = status
        facts.upstreamStatus = status
        facts.bytesIn = 250
        facts.bytesOut = 300
        facts.durationMicroseconds = 1234
        facts.upstreamMicroseconds = 1100
        facts.ending = .complete
        return body(facts)
    }

    static func bytes<Result>(_ texts: String..., body: ([UnsafeRawBufferPointer]) -> Result) -> Result {
        let arrays = texts.map { Array($0.utf8) }
        let whole = arrays.flatMap { $0 }
        return whole.withUnsafeBytes { buffer in
            var offset = 0
            let parts = arrays.map { part in
                defer { offset += part.count }
                return UnsafeRawBufferPointer(rebasing: buffer[offset..<offset + part.count])
            }
            return body(parts)
        }
    }

    static func encoded(_ facts: borrowing AuditFacts, id: EventID) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: EventEncoder.maximumLength + 8, alignment: 8)
        defer { room.deallocate() }
        let length = EventEncoder.encode(facts, id: id, callers: CallerFields(), to: room.baseAddress!)
        return Array(room.prefix(length))
    }
}

/// A sink that keeps the events that it gets and fails on demand.
final class MemorySink: AuditSink, Sendable {
    private let state = Mutex<(records: [SpoolRecord], failures: Int)>(([], 0))

    var records: [SpoolRecord] { state.withLock { $0.records } }
    var events: [AuditEvent] { records.compactMap { $0.decoded(writer: "test") } }

    func fail(_ times: Int) { state.withLock { $0.failures = times } }

    func deliver(_ batch: AuditBatch) throws(AuditError) {
        let fails = state.withLock { state in
            if state.failures > 0 {
                state.failures -= 1
                return true
            }
            state.records += batch.records
            return false
        }
        if fails { throw AuditError(.sinkFailed, "told to fail") }
    }
}

extension AuditSystem {
    /// Does by hand what the writer's thread does.
    func writeAll() { while case .wrote = writer.step() {} }

    /// Does by hand what both threads do.
    func settleAll() {
        writeAll()
        while case .delivered = drain.step() {}
    }
}

/// Lets another thread run: for producers that wait for room.
func giveWay() { sched_yield() }
