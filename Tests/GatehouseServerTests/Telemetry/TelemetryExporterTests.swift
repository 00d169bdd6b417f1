import CurlClient
import GatehouseCore
import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseServer

@Suite(.timeLimit(.minutes(1))) struct TelemetryExporterTests {
    private let fixture = TelemetryFixture()
    private var collecting: TelemetryFixture.Collecting { fixture.collecting }

    private func requests(_ count: Int) { for _ in 0..<count { fixture.request() } }

    @Test func `spans go in batches, and all that wait go in one round`() async {
        requests(TelemetryExporter.batch * 2 + 7)
        let exporter = fixture.exporter()
        await exporter.round()
        #expect(collecting.batches == [TelemetryExporter.batch, TelemetryExporter.batch, 7])
        #expect(exporter.status.sent == TelemetryExporter.batch * 2 + 7 && exporter.status.waiting == 0)
        await exporter.round()
        #expect(collecting.batches.count == 3)
    }

    @Test func `a full batch is sent at once`() async throws {
        let called = Mutex(0)
        let queue = SpanQueue { called.withLock { $0 += 1 } }
        let recorder = SpanRecorder(before: ForgetfulRecorder(), queue: queue)
        for number in 0..<TelemetryExporter.batch {
            let id = RequestID(high: 1, low: UInt64(number))
            var facts = AuditFacts(.decision, of: id, at: TelemetryFixture.at)
            facts.trace = RequestTrace(of: id)
            _ = recorder.record(facts)
            #expect(called.withLock { $0 } == 0)
            _ = recorder.record(AuditFacts(.outcome, of: id, at: TelemetryFixture.at))
        }
        #expect(called.withLock { $0 } == 1)
    }

    @Test func `what is not taken now is offered again, the same, no sooner than asked`() async {
        requests(3)
        let exporter = fixture.exporter()
        collecting.answer(.later(after: .seconds(4), words: "answers 503"))
        await exporter.round()
        #expect(exporter.status.waiting == 3 && exporter.status.problem == "answers 503")
        collecting.pass(.milliseconds(3999))
        await exporter.round()
        #expect(collecting.batches == [3])
        requests(2)
        collecting.pass(.milliseconds(1))
        await exporter.round()
        #expect(collecting.batches == [3, 3, 2])
        #expect(exporter.status.sent == 5 && exporter.status.problem == nil && exporter.status.dropped == 0)
    }

    @Test func `each failure doubles the wait, up to its bound`() {
        var pace = ExportPace()
        var now: Duration = .zero
        for seconds in [1, 2, 4, 8, 16, 30, 30] as [Int64] {
            pace.failed(askedToWait: nil, at: now, jitter: 1)
            #expect(!pace.isOpen(at: now + .seconds(seconds) - .milliseconds(1)))
            now += .seconds(seconds)
            #expect(pace.isOpen(at: now))
        }
        pace.succeeded()
        pace.failed(askedToWait: .milliseconds(100), at: now, jitter: 0)
        #expect(pace.isOpen(at: now + .milliseconds(500)))
    }

    @Test
    func `a batch that nobody takes is given up for newer ones, and a dead collector keeps no more than the bound`()
        async
    {
        let exporter = fixture.exporter()
        requests(10)
        collecting.state.withLock { $0.answers = Array(repeating: .later(after: nil, words: "gone"), count: 100) }
        for _ in 0..<9 {
            await exporter.round()
            collecting.pass(ExportPace.lastWait)
            requests(SpanQueue.maximum)
        }
        let status = exporter.status
        #expect(status.sent == 0 && status.waiting <= 2 * SpanQueue.maximum)
        #expect(status.dropped == 10 + 9 * SpanQueue.maximum - status.waiting)
        #expect(status.finding?.probe == .telemetry && status.finding?.verdict == .warn)
        // The first ones were given up after a minute.
        #expect(collecting.batches.first == 10 && collecting.batches.last == TelemetryExporter.batch)
        collecting.answer()
        await exporter.round()
        #expect(exporter.status.finding == nil && exporter.status.waiting == 0)
    }

    @Test func `what it refuses is not offered again`() async {
        requests(TelemetryExporter.batch + 1)
        let exporter = fixture.exporter()
        collecting.answer(.refused(status: 400, words: "answers 400"), .taken(rejected: 0))
        await exporter.round()
        #expect(exporter.status.refused == TelemetryExporter.batch && exporter.status.waiting == 1)
        collecting.pass(.seconds(1))
        await exporter.round()
        #expect(exporter.status.sent == 1 && exporter.status.problem == nil)
        requests(5)
        collecting.answer(.taken(rejected: 2))
        await exporter.round()
        #expect(exporter.status.sent == 4 && exporter.status.refused == TelemetryExporter.batch + 2)
    }

    @Test func `the end offers what is left once, and within its time`() async {
        let exporter = fixture.exporter()
        requests(4)
        collecting.answer(.later(after: nil, words: "gone"))
        await exporter.round()
        #expect(exporter.status.waiting == 4)
        await exporter.finish(within: .seconds(2))
        #expect(exporter.status.sent == 4 && exporter.status.dropped == 0)
        #expect(collecting.state.withLock { $0.waited.last } == .seconds(2))
        requests(4)
        collecting.answer(.later(after: nil, words: "gone"))
        await exporter.finish(within: .seconds(2))
        #expect(collecting.batches.count == 3 && exporter.status.dropped == 4 && exporter.status.waiting == 0)
    }

    @Test func `metrics go each interval while it runs, and one for traces alone is no failure`() async throws {
        let exporter = fixture.exporter()
        let task = Task { await exporter.run(metrics: { [0] }) }
        let collecting = fixture.collecting
        try await Polling.until("the first metrics") { collecting.state.withLock { $0.metrics } == 1 }
        collecting.answer(.refused(status: 404, words: "answers 404"))
        collecting.pass(TelemetryExporter.metricsInterval)
        try await Polling.until("the next") { collecting.state.withLock { $0.metrics } == 2 }
        task.cancel()
        await task.value
        #expect(exporter.status.problem == nil)
    }

    @Test(
        arguments: [
            (200, [:], "{}", .taken(rejected: 0)), (202, [:], "", .taken(rejected: 0)),
            (200, [:], #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}"#, .taken(rejected: 3)),
            (200, [:], #"{"partialSuccess":{"rejectedDataPoints":4}}"#, .taken(rejected: 4)),
            (200, [:], #"{"partialSuccess":{"rejectedSpans":"-9"}}"#, .taken(rejected: 0)),
            (429, ["Retry-After": "7"], "", .later(after: .seconds(7), words: "answers 429")),
            (502, [:], "", .later(after: nil, words: "answers 502")),
            (503, ["retry-after": "-1"], "", .later(after: .zero, words: "answers 503")),
            (504, ["Retry-After": "99999999999"], "", .later(after: .seconds(300), words: "answers 504")),
            (503, ["Retry-After": "soon"], "", .later(after: nil, words: "answers 503")),
            (
                503, ["Retry-After": "Mon, 23 Nov 2026 09:00:20 GMT"], "",
                .later(after: .seconds(20), words: "answers 503")
            ),
            (400, [:], "", .refused(status: 400, words: "answers 400")),
            (500, [:], "", .refused(status: 500, words: "answers 500")),
            (302, [:], "", .refused(status: 302, words: "answers 302")),
        ] as [(Int, [String: String], String, ExportAnswer)]
    )
    func `an answer means what OTLP says`(
        status: Int,
        fields: [String: String],
        body: String,
        expected: ExportAnswer
    ) async throws {
        let server = try await LoopbackHTTP.start { _ in
            .init(status, body, fields.map { (name: $0.key, value: $0.value) })
        }
        let response = try await CurlClient().perform(CurlRequest(server.url))
        let now = try #require(Timestamp(parsing: "2026-11-23T09:00:00Z"))
        #expect(ExportAnswer(response, at: now) == expected)
        await server.close()
    }
}
