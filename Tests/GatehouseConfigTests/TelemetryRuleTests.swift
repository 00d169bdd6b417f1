import GatehouseCore
import Testing

@testable import GatehouseConfig

@Suite struct TelemetryRuleTests {
    @Test func `nothing is sent unless a collector is named`() throws {
        #expect(try read(minimal).telemetry == nil)
        let configuration = try read(
            minimal("telemetry: { otlp: http://collector:4318 }\nthreads: 2\n", instead: "threads: 2\n")
        )
        #expect(configuration.telemetry?.otlp.text == "http://collector:4318")
    }

    @Test(
        arguments: [
            ("{ otlp: collector:4318 }", "a URL starts with https:// or http://"),
            ("{ otlp: http://user:password@collector:4318 }", "a URL here has no user information ('@')"),
            ("{ otlp: http://collector:4317 }", "port 4317 is that of OTLP over gRPC; over HTTP it is 4318"),
            ("{ otlp: http://collector:4318/v1/traces }", "/v1/traces is added to this URL"),
            ("{ otlp: http://collector:4318/?a=b }", "a path stands behind this URL, so it has no query"),
            ("{}", "'otlp' is missing"), ("{ url: http://collector:4318 }", "unknown key 'url' in telemetry"),
        ]
    )
    func `a wrong address is said`(value: String, message: String) {
        let found = problems(minimal("telemetry: \(value)\nthreads: 2\n", instead: "threads: 2\n"))
        #expect(found.contains { $0.message == message }, "\(found)")
    }
}
