import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// Spans and metrics of the binary, as a collector reads them.
@Suite("Telemetry", .needsCollector, .timeLimit(.minutes(5)))
struct TelemetryTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let parent = "00f067aa0ba902b7"

    /// An upstream that keeps the fields of the requests that it gets.
    private final class Upstream: Sendable {
        private let requests = Mutex<[LoopbackHTTP.Request]>([])
        private let server = Mutex<LoopbackHTTP?>(nil)

        static func start() async throws -> Upstream {
            let upstream = Upstream()
            let server = try await LoopbackHTTP.start { [weak upstream] request in
                upstream?.requests.withLock { $0.append(request) }
                if String(decoding: request.body, as: UTF8.self).contains(#""id":503"#) { return .init(503, "{}") }
                return .init(200, #"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
            }
            upstream.server.withLock { $0 = server }
            return upstream
        }

        var url: String { server.withLock { $0?.url ?? "" } }
        var last: LoopbackHTTP.Request? { requests.withLock { $0.last } }
    }

    private static func route(_ upstream: Upstream, _ collector: String, _ more: String = "") -> String {
        """
          - name: tools
            host: "*"
            path: /mcp
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream.url)
            mcp: { paths: [/] }
            inject: { X-Coda-Api-Key: "{token}" }
            allow: [ { users: ["\(Instance.user)"], tools: [echo] } ]
        telemetry: { otlp: \(collector) }
        \(more)

        """
    }

    private func start(_ upstream: Upstream, _ collector: String, _ more: String = "") async throws -> Instance {
        try await Instance.start(
            .sqlite,
            routes: Self.route(upstream, collector, more),
            tokens: ["tools": Instance.token]
        )
    }

    private static func call(_ tool: String = "echo", _ meta: String = "", id: Int = 1) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(tool)","arguments":{"x":"argument-7c1"}\#(meta)}}"#
    }

    @discardableResult
    private func post(
        _ gateway: Instance,
        _ body: String = TelemetryTests.call(),
        _ fields: [CurlHeader] = [],
        isKnown: Bool = true
    ) async throws -> CurlResponse {
        let fields =
            [
                CurlHeader("Content-Type", "application/json"),
                CurlHeader("Accept", "application/json, text/event-stream"),
            ] + fields
        return try await gateway.request(
            "/mcp",
            method: "POST",
            assertion: isKnown ? gateway.assertion() : nil,
            headers: fields,
            body: body
        )
    }

    private func traceparent(_ upstream: Upstream) throws -> [String] {
        try #require(upstream.last).headers.filter { $0.name.lowercased() == "traceparent" }.map(\.value)
    }

    @Test func `each request is one span, under its sender's, and the upstream's parent`() async throws {
        let collector = try await CollectorServer.start()
        let upstream = try await Upstream.start()
        let gateway = try await start(upstream, collector.url)
        var ids: [String] = []
        func ask(_ body: String = Self.call(), _ fields: [CurlHeader] = [], isKnown: Bool = true) async throws
            -> CurlResponse
        {
            let answer = try await post(gateway, body, fields, isKnown: isKnown)
            ids.append(try #require(answer.header("x-request-id")))
            return answer
        }
        // Under the header's span, whose tracestate passes.
        let header = CurlHeader("traceparent", "00-\(Self.trace)-\(Self.parent)-01")
        let state = CurlHeader("tracestate", "vendor=1")
        #expect(try await ask(Self.call(), [header, state]).status == 200)
        let given = try traceparent(upstream)
        #expect(given.count == 1 && given[0].hasPrefix("00-\(Self.trace)-") && given[0].hasSuffix("-01"))
        #expect(!given[0].contains(Self.parent) && upstream.last?.header("tracestate") == "vendor=1")
        // Under the one that the message names, where there is no header, or a malformed one; tracestate is about another trace then.
        let meta = #","_meta":{"traceparent":"00-\#(Self.trace)-\#(Self.parent)-00"}"#
        #expect(try await ask(Self.call("echo", meta), [state]).status == 200)
        #expect(try traceparent(upstream)[0].hasPrefix("00-\(Self.trace)-"))
        #expect(try traceparent(upstream)[0].hasSuffix("-00") && upstream.last?.header("tracestate") == nil)
        #expect(try await ask(Self.call("echo", meta), [CurlHeader("traceparent", "00-x")]).status == 200)
        #expect(
            try traceparent(upstream).count == 1 && upstream.last?.header("traceparent")?.contains(Self.trace) == true
        )
        // Alone.
        #expect(try await ask().status == 200)
        // Refused, by name and unknown; failed behind.
        #expect(try await ask(Self.call("other")).status == 200)
        #expect(try await ask(isKnown: false).status == 401)
        #expect(try await ask(Self.call(id: 503)).status == 503)

        let spans = try await collector.spans(ids.count, of: gateway)
        let byID = Dictionary(spans.map { ($0["attributes"]["gatehouse.request_id"].text ?? "", $0) }) { one, _ in one }
        let ordered = try ids.map { try #require(byID[$0]) }
        for (index, span) in ordered.enumerated() {
            let isUnder = index < 3
            #expect(span["kind"].number == 2)
            #expect(span["trace"].text == (isUnder ? Self.trace : ids[index]))
            #expect(span["parent"].text == (isUnder ? Self.parent : ""))
            #expect(span["span"].text?.count == 16 && span["span"].text != Self.parent)
            let start = try #require(span["start"].text.flatMap { UInt64($0) })
            let end = try #require(span["end"].text.flatMap { UInt64($0) })
            #expect(end >= start && Double(start) / 1e9 > Date.now.timeIntervalSince1970 - 600)
        }
        #expect(given[0] == "00-\(Self.trace)-\(ordered[0]["span"].text ?? "")-01")
        let attributes = ordered.map { $0["attributes"] }
        #expect(ordered[0]["name"].text == "tools/call echo")
        for (name, value) in [
            "gatehouse.route": "tools", "gatehouse.decision": "allow", "gatehouse.target": "echo",
            "gatehouse.principal_kind": "user", "http.request.method": "POST", "mcp.method.name": "tools/call",
            "gen_ai.tool.name": "echo", "gatehouse.ended": "complete",
        ] { #expect(attributes[0][name].text == value, "\(name)") }
        #expect(attributes[0]["http.response.status_code"].number == 200)
        #expect(try #require(attributes[0]["gatehouse.upstream_us"].number) > 0)
        #expect(attributes[0]["gatehouse.principal"].text?.count == 32)
        #expect(Set(attributes[0..<5].map { $0["gatehouse.principal"].text }).count == 1)
        #expect(
            attributes[4]["gatehouse.reason"].text == "tool_denied" && attributes[4]["gatehouse.target"].text == "other"
        )
        #expect(attributes[4]["gatehouse.decision"].text == "deny" && ordered[4]["status"].number == 0)
        #expect(attributes[5]["gatehouse.reason"].text == "assertion_missing")
        #expect(
            attributes[5]["gatehouse.principal"] == .null && attributes[5]["http.response.status_code"].number == 401
        )
        #expect(attributes[6]["gatehouse.reason"].text == "upstream_error" && ordered[6]["status"].number == 2)
        #expect(attributes[6]["gatehouse.upstream_status"].number == 503)
        // Neither who calls, nor with what, nor by which token.
        let received = try await collector.received()
        for secret in [Instance.user, "argument-7c1", Instance.token, "127.0.0.1", gateway.assertion()] {
            #expect(!"\(received["spans"])".contains(secret) && !"\(received["resources"])".contains(secret))
        }
        let resource = try #require(received["resources"].elements.first)
        #expect(resource["service.name"].text == "gatehouse" && resource["service.version"].text != nil)
        // The metrics come under their names.
        try await gateway.eventually { try await collector.received()["metrics"]["gatehouse_added_seconds"] != .null }
        let metrics = try await collector.received()["metrics"]
        #expect(metrics["gatehouse_requests_total"]["kind"].text == "sum")
        #expect(metrics["gatehouse_open_connections"]["kind"].text == "gauge")
        #expect(metrics["gatehouse_added_seconds"]["kind"].text == "histogram")
        #expect(metrics["gatehouse_added_seconds"]["unit"].text == "s")
        #expect(try await gateway.command("status").contains("\(ids.count) spans sent"))
    }

    @Test func `a collector that is away, slow or wrong costs no request, and is told of`() async throws {
        let upstream = try await Upstream.start()
        let port = try Instance.freePort()
        let gateway = try await start(upstream, "http://127.0.0.1:\(port)")
        for _ in 0..<20 { #expect(try await post(gateway).status == 200) }
        // Said after a while, in the same words everywhere.
        try await gateway.eventually {
            let findings = try JSON(parsing: try await gateway.command("status", "--json"))["findings"].elements
            return findings.contains { $0["probe"].text == "telemetry" && $0["verdict"].text == "warn" }
        }
        var metrics = CurlRequest("http://localhost/metrics")
        metrics.unixSocket = "\(gateway.folder.path)/admin.sock"
        #expect(try await CurlClient().perform(metrics).body.text.contains("gatehouse_telemetry_failing 1\n"))
        // What waited is sent when it comes.
        let collector = try await CollectorServer.start(port: port)
        _ = try await collector.spans(20, of: gateway)
        try await gateway.eventually {
            try JSON(parsing: try await gateway.command("status", "--json"))["telemetry"]["problem"] == .null
        }
        // It has us wait: nothing is asked meanwhile, nothing is lost and nothing comes twice.
        try await collector.answer(#"{"status":503,"retry_after":"2","times":1}"#)
        try await post(gateway)
        _ = try await collector.spans(21, of: gateway)
        let asked = try await collector.received()["asked"].elements
        let refused = try #require(asked.lastIndex { $0["status"].number == 503 })
        func at(_ index: Int) -> Double { if case .number(let time) = asked[index]["at"] { time } else { 0 } }
        #expect(at(refused + 1) - at(refused) >= 2)
        // It refuses what it will not take later either.
        try await collector.answer(#"{"status":400,"times":1}"#)
        try await post(gateway)
        try await gateway.eventually {
            try JSON(parsing: try await gateway.command("status", "--json"))["telemetry"]["refused"].number == 1
        }
        // A huge answer is not read to its end; a part that it rejects is counted.
        try await collector.answer(#"{"length":50000000,"times":1}"#)
        try await post(gateway)
        _ = try await collector.spans(22, of: gateway)
        try await collector.answer(#"{"reject":1,"times":1}"#)
        try await post(gateway)
        try await gateway.eventually {
            try JSON(parsing: try await gateway.command("status", "--json"))["telemetry"]["refused"].number == 2
        }
    }

    @Test(arguments: [#"{"delay":60}"#, #"{"status":503,"retry_after":"120"}"#])
    func `a collector that takes nothing does not hold up the end`(_ manner: String) async throws {
        let collector = try await CollectorServer.start()
        let upstream = try await Upstream.start()
        let gateway = try await start(upstream, collector.url, "limits: { drain: 3s }")
        try await collector.answer(manner)
        for _ in 0..<5 { #expect(try await post(gateway).status == 200) }
        let start = ContinuousClock.now
        gateway.process.send(signal: SIGTERM)
        #expect(await gateway.process.exit() == .code(0))
        // Three seconds, and what a busy machine adds.
        #expect(ContinuousClock.now - start < .seconds(8))
        #expect(await gateway.process.errors.whole.contains("telemetry was dropped"))
    }

    @Test func `the end sends what is left`() async throws {
        let collector = try await CollectorServer.start()
        let upstream = try await Upstream.start()
        let gateway = try await start(upstream, collector.url)
        for _ in 0..<5 { #expect(try await post(gateway).status == 200) }
        gateway.process.send(signal: SIGTERM)
        #expect(await gateway.process.exit() == .code(0))
        let received = try await collector.received()
        #expect(received["spans"].elements.count == 5)
        let total = received["metrics"]["gatehouse_requests_total"]["points"].elements.first {
            $0["labels"]["status"].text == "200" && $0["labels"]["reason"].text == ""
        }
        #expect(total?["asInt"].text == "5")
    }

    @Test func `nothing is begun where there is none: the sender's span passes as it came`() async throws {
        let upstream = try await Upstream.start()
        let routes = Self.route(upstream, "http://127.0.0.1:1").replacing(#/(?m)^telemetry.*$/#, with: "")
        let gateway = try await Instance.start(.sqlite, routes: routes, tokens: ["tools": Instance.token])
        let given = "00-\(Self.trace)-\(Self.parent)-01"
        #expect(try await post(gateway, Self.call(), [CurlHeader("traceparent", given)]).status == 200)
        #expect(try traceparent(upstream) == [given])
        var metrics = CurlRequest("http://localhost/metrics")
        metrics.unixSocket = "\(gateway.folder.path)/admin.sock"
        #expect(try await !CurlClient().perform(metrics).body.text.contains("gatehouse_telemetry"))
    }
}
