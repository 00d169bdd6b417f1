import Foundation
import GatehouseCore
import Testing

@testable import GatehouseServer

@Suite struct SpanTests {
    private let fixture = TelemetryFixture()

    private func spans() throws -> [[String: Any]] {
        let message = OTLPSpans(text: TelemetryFixture.text, key: Secret("key")).message(fixture.queue.take())
        let resource = try #require((try tree(message)["resourceSpans"] as? [[String: Any]])?.first)
        let scope = try #require((resource["scopeSpans"] as? [[String: Any]])?.first)
        return try #require(scope["spans"] as? [[String: Any]])
    }

    private func attributes(_ span: [String: Any]) -> [String: String] {
        let list = span["attributes"] as? [[String: Any]] ?? []
        return Dictionary(
            list.map { entry in
                let value = entry["value"] as? [String: Any] ?? [:]
                return (entry["key"] as? String ?? "", value.values.first as? String ?? "")
            }
        ) { one, _ in one }
    }

    @Test func `a request is told when it ends, as OTLP's JSON writes it`() throws {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".withBytes { TraceParent(parsing: $0) }
        let id = fixture.request(under: parent, ends: false)
        #expect(try spans().isEmpty)
        var outcome = AuditFacts(.outcome, of: id, at: TelemetryFixture.at)
        outcome.status = 200
        outcome.durationMicroseconds = 1500
        outcome.upstreamMicroseconds = 700
        _ = fixture.recorder.record(outcome)
        let span = try #require(try spans().first)
        #expect(span["traceId"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(span["parentSpanId"] as? String == "00f067aa0ba902b7" && (span["spanId"] as? String)?.count == 16)
        #expect(span["name"] as? String == "tools/call echo" && span["kind"] as? Int == 2)
        #expect(span["startTimeUnixNano"] as? String == "1795424400000000000")
        #expect(span["endTimeUnixNano"] as? String == "1795424400001500000" && span["flags"] as? Int == 0x301)
        let attributes = attributes(span)
        #expect(attributes["gatehouse.upstream_us"] == "700" && attributes["http.response.status_code"] == "200")
        #expect(attributes["gatehouse.request_id"] == id.description && attributes["http.request.method"] == "POST")
        // A second outcome of the same request is of none.
        _ = fixture.recorder.record(outcome)
        #expect(try spans().isEmpty)
    }

    @Test func `the caller is a digest: equal for one, and another under another key`() throws {
        let other = Caller(
            principal: Principal(kind: .user, name: "lina@example.com"),
            expiresAt: TelemetryFixture.at,
            keyID: "kid"
        )
        fixture.request()
        fixture.request()
        fixture.request(caller: other)
        fixture.request(caller: nil)
        let digests = try spans().map { attributes($0)["gatehouse.principal"] }
        #expect(digests[0] == digests[1] && digests[0] != digests[2] && digests[3] == nil)
        #expect(digests[0]?.count == 32)
        fixture.request()
        let elsewhere = OTLPSpans(text: TelemetryFixture.text, key: Secret("other")).message(fixture.queue.take())
        #expect(!String(decoding: elsewhere, as: UTF8.self).contains(try #require(digests[0])))
        #expect(!String(decoding: elsewhere, as: UTF8.self).contains("ada@example.com"))
    }

    @Test func `a batch is one span, with the number of its messages`() throws {
        fixture.request([("tools/list", ""), ("tools/call", "echo")])
        let span = try #require(try spans().first)
        #expect(span["name"] as? String == "batch" && attributes(span)["gatehouse.messages"] == "2")
    }

    @Test func `a request that is only counted is told at once`() throws {
        fixture.audit.receipt = .counted
        fixture.request(caller: nil, refusal: .assertionMissing, ends: false)
        let span = try #require(try spans().first)
        #expect(attributes(span)["http.response.status_code"] == "401")
        #expect(span["status"] == nil && span["startTimeUnixNano"] as? String == span["endTimeUnixNano"] as? String)
    }

    @Test func `text of a caller's choosing is bounded, and cut between characters`() throws {
        fixture.request([(String(repeating: "m", count: 300), String(repeating: "ä", count: 300))])
        fixture.request([("resources/read", "file:///a?token=secret#x")])
        let all = try spans().map(attributes)
        #expect(all[0]["mcp.method.name"] == String(repeating: "m", count: 256) + "…")
        #expect(all[0]["gatehouse.target"] == String(repeating: "ä", count: 127) + "…")
        #expect(all[1]["gatehouse.target"] == "file:///a")
    }

    @Test(
        arguments: [
            (nil, 200, false), (.toolDenied, 200, false), (.upstreamTimeout, 504, true), (.tokenUnavailable, 503, true),
            (nil, 500, true),
        ] as [(Reason?, Int, Bool)]
    )
    func `what failed is an error, and a refusal is none`(reason: Reason?, status: Int, isError: Bool) throws {
        fixture.request(refusal: reason, status: status)
        let span = try #require(try spans().first)
        #expect((span["status"] != nil) == isError && (attributes(span)["error.type"] != nil) == isError)
    }

    @Test func `beyond the bound spans are dropped and counted`() {
        for _ in 0..<SpanQueue.maximum + 3 { fixture.request() }
        #expect(fixture.queue.waiting == SpanQueue.maximum && fixture.queue.dropped == 3)
        #expect(fixture.queue.take().count == SpanQueue.maximum && fixture.queue.waiting == 0)
        fixture.request()
        #expect(fixture.queue.waiting == 1 && fixture.queue.dropped == 3)
    }
}
