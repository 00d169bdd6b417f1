@testable import GatehouseAudit
import GatehouseConfig
import GatehouseCore
@testable import GatehouseServer
import SQLiteClient

extension CommandFixture {
    /// Longer than any column of the table.
    static let longTarget = "list_documents_of_every_workspace_that_was_ever_shared"
    static let firstTime = Timestamp(seconds: 1_795_424_400)

    static func requestID(_ number: Int) -> RequestID { RequestID(high: 0x1234_5678_9ABC_DEF0, low: UInt64(number)) }

    /// Leaves in the audit database what a proxy would: a decision and an outcome each, a second apart, every third refused.
    ///
    /// - Parameters:
    ///   - start: the time of number 0.
    ///   - chained: in the proxy's own spool, by its keys and with arguments, as it would.
    ///   - database: a file in the folder.
    ///   - others: instances that share the spool and run meanwhile.
    /// - Returns: its writer.
    @discardableResult
    func recordRequests(
        count: Int,
        from first: Int = 0,
        at start: Timestamp = CommandFixture.firstTime,
        chained: Bool = false,
        into database: String = "audit.db",
        beside others: Int = 0
    ) throws -> String {
        var settings = AuditSystem.Settings(spool: "\(path)/\(chained ? "spool" : "recorded")")
        if chained {
            let configuration = try Configuration.read(path: "\(path)/gatehouse.yaml")
            settings.keys = AuditAssembly.keys(try InstanceKeys(configuration, KeyEnds(), makesOwn: true))
            settings.arguments = .record
        }
        settings.sharesSpool = others > 0
        let running = try (0..<others).map { _ in try AuditSystem(settings, sink: DiscardingSink()) }
        defer { withExtendedLifetime(running) {} }
        let audit = try AuditSystem(settings, sink: SQLiteSink(path: "\(path)/\(database)"))
        let lane = try audit.lane(for: 0)
        try audit.start()
        let route = try Route(
            name: RouteName(parsing: "coda"),
            host: .any,
            audiences: [CommandFixture.audience],
            upstream: Upstream(parsing: "http://coda:8080")
        )
        for number in first..<first + count {
            let isRefused = number % 3 == 2
            let name = number % 2 == 0 ? "ann@example.com" : "david@example.com"
            let at = start + .seconds(number)
            var decision = AuditFacts(.decision, of: Self.requestID(number), at: at)
            decision.route = route
            decision.caller = Caller(principal: Principal(kind: .user, name: name), expiresAt: at, keyID: "k")
            decision.refusal = isRefused ? .toolDenied : nil
            let target = Array((number == 0 ? Self.longTarget : "tool\(number)").utf8)
            let arguments = Array("{\"number\":\(number)}".utf8)
            let isRecorded = target.withUnsafeBytes { bytes in
                arguments.withUnsafeBytes { arguments in
                    decision.target = bytes
                    decision.arguments = arguments
                    return lane.record(decision) == .recorded
                }
            }
            var outcome = AuditFacts(.outcome, of: Self.requestID(number), at: at + .milliseconds(5))
            outcome.status = 200
            outcome.durationMicroseconds = 5000
            outcome.ending = .complete
            guard isRecorded, lane.record(outcome) == .recorded else { throw NotRecorded() }
        }
        audit.shutdown(within: .seconds(30))
        return audit.directory.writer
    }

    /// Changes the audit database behind its back.
    func changeAudit(_ sql: String) throws {
        try SQLiteConnection(path: "\(path)/audit.db", access: .readWrite).execute(sql)
    }

    /// The heads that went to the sink, as the log shows them.
    func auditHeads() throws -> [String] {
        let archive = try EventDatabase.sqlite(path: "\(path)/audit.db").archive()
        return try archive.writers().flatMap { try archive.heads(of: $0) }.map(\.description)
    }

    struct NotRecorded: Error {}
}
