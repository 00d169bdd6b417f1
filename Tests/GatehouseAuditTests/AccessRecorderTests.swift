import Foundation
import GatehouseCore
import Testing

@testable import GatehouseAudit

/// Keeps the facts that it gets, and answers with a given receipt.
private final class Listening: AuditRecorder {
    var receipt = AuditReceipt.recorded
    var kinds: [AuditFacts.Kind] = []

    func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        kinds.append(facts.kind)
        return receipt
    }

    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) { callback(true) }
}

@Suite struct AccessRecorderTests {
    private let audit = Listening()
    private let id = RequestID(high: 1, low: 2)
    private let at = Timestamp(seconds: 1_795_424_400)

    private func lines(_ body: (AccessRecorder) -> Void) throws -> [[String: Any]] {
        var lines: [JSONText] = []
        body(AccessRecorder(before: audit) { lines.append($0) })
        return try lines.map { try #require(JSONSerialization.jsonObject(with: Data($0.bytes)) as? [String: Any]) }
    }

    private func outcome(_ status: Int, _ refusal: Reason? = nil) -> AuditFacts {
        var facts = AuditFacts(.outcome, of: id, at: at)
        facts.status = status
        facts.upstreamStatus = status
        facts.bytesOut = 12
        facts.durationMicroseconds = 1500
        facts.refusal = refusal
        facts.ending = .complete
        return facts
    }

    @Test func `writes a line when a request ends, with the columns of the audit`() throws {
        let lines = try lines { recorder in
            let caller = Caller(
                principal: Principal(kind: .user, name: "ada@example.com"),
                expiresAt: at,
                keyID: "kid"
            )
            var decision = AuditFacts(.decision, of: id, at: at)
            decision.caller = caller
            "tools/call".utf8.withContiguousStorageIfAvailable { method in
                decision.rpcMethod = UnsafeRawBufferPointer(method)
                #expect(recorder.record(decision) == .recorded)
            }
            decision.rpcMethod = AuditFacts.nothing
            _ = recorder.record(outcome(503, .upstreamError))
        }
        #expect(audit.kinds.count == 2)
        let line = try #require(lines.first)
        #expect(lines.count == 1 && line["request_id"] as? String == id.description)
        #expect(line["principal"] as? String == "ada@example.com" && line["rpc_method"] as? String == "tools/call")
        #expect(line["decision"] as? String == "allow" && line["reason"] as? String == "upstream_error")
        #expect(line["status"] as? Int == 503 && line["duration_us"] as? Int == 1500)
        // Columns that have a meaning in the audit only.
        for name in ["kind", "event_id", "seq", "hash"] { #expect(line[name] == nil) }
    }

    @Test func `writes a line for each message of a batch, and one at once for what is only counted`() throws {
        let lines = try lines { recorder in
            var decision = AuditFacts(.decision, of: id, at: at)
            for position in 1...2 {
                decision.rpcPosition = position
                _ = recorder.record(decision)
            }
            _ = recorder.record(outcome(200))
            audit.receipt = .counted
            decision.refusal = .assertionMissing
            decision.rpcPosition = 0
            #expect(recorder.record(decision) == .counted)
        }
        #expect(lines.map { $0["rpc_position"] as? Int } == [1, 2, nil])
        #expect(lines.last?["reason"] as? String == "assertion_missing" && lines.last?["status"] == nil)
    }
}
