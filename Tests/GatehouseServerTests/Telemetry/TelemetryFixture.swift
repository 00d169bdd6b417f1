import Foundation
import GatehouseCore
import Logging
import Synchronization
import Testing

@testable import GatehouseServer

/// A recorder that keeps nothing, and answers with a given receipt.
final class ForgetfulRecorder: AuditRecorder {
    var receipt = AuditReceipt.recorded

    func record(_ facts: borrowing AuditFacts) -> AuditReceipt { receipt }
    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) { callback(true) }
}

/// Requests as event loops record them, and an exporter over a collector and a clock that the test holds.
final class TelemetryFixture {
    static let at = Timestamp(seconds: 1_795_424_400)
    static let caller = Caller(
        principal: Principal(kind: .user, name: "ada@example.com"),
        expiresAt: at + .seconds(60),
        keyID: "kid"
    )
    static let text = OTLPText(version: "1.2.3", instance: "one")

    let queue = SpanQueue(onBatch: {})
    let recorder: SpanRecorder
    let audit = ForgetfulRecorder()
    private var last: UInt64 = 0

    init() { recorder = SpanRecorder(before: audit, queue: queue) }

    /// Records a request with its messages, and its outcome unless `change` says that there is none.
    @discardableResult
    func request(
        _ messages: [(method: String, target: String)] = [("tools/call", "echo")],
        caller: Caller? = TelemetryFixture.caller,
        refusal: Reason? = nil,
        status: Int = 200,
        under parent: TraceParent? = nil,
        ends: Bool = true
    ) -> RequestID {
        last += 1
        let id = RequestID(high: 7, low: last)
        for message in messages {
            message.method.withBytes { method in
                message.target.withBytes { target in
                    var facts = AuditFacts(.decision, of: id, at: Self.at)
                    facts.trace = RequestTrace(of: id, under: parent)
                    facts.caller = caller
                    facts.refusal = refusal
                    facts.rpcMethod = method
                    facts.target = target
                    "POST".withBytes { name in
                        facts.httpMethod = name
                        _ = recorder.record(facts)
                    }
                }
            }
        }
        guard ends else { return id }
        var outcome = AuditFacts(.outcome, of: id, at: Self.at)
        outcome.refusal = refusal
        outcome.status = status
        outcome.upstreamStatus = status
        outcome.durationMicroseconds = 1500
        outcome.upstreamMicroseconds = 700
        outcome.ending = .complete
        _ = recorder.record(outcome)
        return id
    }

    /// A collector's answers, one after the other; then it takes everything.
    final class Collecting: Sendable {
        struct State {
            var answers: [ExportAnswer] = []
            var batches: [Int] = []
            var metrics = 0
            var now: Duration = .zero
            var waited: [Duration] = []
        }

        let state = Mutex(State())

        func answer(_ answers: ExportAnswer...) { state.withLock { $0.answers = answers } }
        func pass(_ time: Duration) { state.withLock { $0.now += time } }
        var batches: [Int] { state.withLock { $0.batches } }
    }

    let collecting = Collecting()

    func exporter(of queues: [SpanQueue]? = nil) -> TelemetryExporter {
        TelemetryExporter(
            url: "http://collector.example/v1/traces",
            queues: queues ?? [queue],
            waker: AsyncStream.makeStream(of: Void.self),
            spans: { [UInt8](repeating: 0, count: $0.count) },
            take: { [collecting] signal, message, time in
                collecting.state.withLock { state in
                    state.waited.append(time)
                    if signal == .metrics { state.metrics += 1 } else { state.batches.append(message.count) }
                    return state.answers.isEmpty ? .taken(rejected: 0) : state.answers.removeFirst()
                }
            },
            uptime: { [collecting] in collecting.state.withLock(\.now) },
            jitter: { 1 },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }
}

extension String {
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(utf8).withUnsafeBytes(body)
    }
}

/// JSON as Foundation reads it.
func tree(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
}
