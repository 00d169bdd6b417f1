import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseOperations
@testable import GatehouseServer

@Suite(.timeLimit(.minutes(1))) struct DoctorTelemetryTests {
    private func found(_ url: String) async throws -> [Finding] {
        try await Doctor(DoctorFixture().configuration(limits: "{}\ntelemetry: { otlp: \(url) }")).telemetry()
    }

    @Test(
        arguments: [
            (200, 200, [.ok, .ok]), (200, 404, [.ok, .ok]), (404, 404, [.warn, .ok]), (415, 415, [.warn, .warn]),
            (200, 503, [.ok, .warn]),
        ] as [(Int, Int, [Finding.Verdict])]
    )
    func `the doctor asks for each signal whether it is taken`(
        traces: Int,
        metrics: Int,
        verdicts: [Finding.Verdict]
    ) async throws {
        let asked = Watched<[String]>([])
        let server = try await LoopbackHTTP.start { request in
            asked.update { $0.append("\(request.method) \(request.target) \(request.header("content-type") ?? "")") }
            return .init(request.target.hasSuffix("/traces") ? traces : metrics, "{}")
        }
        let found = try await found(server.url + "/base/")
        #expect(found.map(\.probe) == [.telemetry, .telemetry] && found.map(\.verdict) == verdicts)
        #expect(
            asked.read { $0 } == [
                "POST /base/v1/traces application/json", "POST /base/v1/metrics application/json",
            ]
        )
        await server.close()
    }

    @Test func `a collector that is away is one warning, and none is looked for where none is configured`() async throws
    {
        let port = try DeadPort()
        let found = try await found("http://127.0.0.1:\(port.number)")
        #expect(found.map(\.verdict) == [.warn] && found[0].advice != nil)
        #expect(await Doctor(try DoctorFixture().configuration()).telemetry().isEmpty)
    }
}
