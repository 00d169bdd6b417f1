import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A collector that parses each message by the published schema of OTLP.
final class CollectorServer: Sendable {
    static let python = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PYTHON_OTLP"]

    let url: String
    let port: Int
    private let process: ChildProcess

    /// - Parameter port: a free one by default.
    static func start(port: Int? = nil) async throws -> CollectorServer {
        let process = try ChildProcess(
            try #require(python),
            [Tools.script("collector.py")] + (port.map { ["\($0)"] } ?? []),
            environment: ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        )
        let ready = try JSON(parsing: try await process.firstLine())
        return CollectorServer(port: try #require(ready["port"].number), process: process)
    }

    private init(port: Int, process: ChildProcess) {
        self.port = port
        self.process = process
        url = "http://127.0.0.1:\(port)"
    }

    /// Answers from now on as collector.py says.
    func answer(_ manner: String) async throws {
        _ = try await CurlClient().perform(CurlRequest(url + "/_manner", method: "POST", body: CurlBody(manner)))
    }

    func received() async throws -> JSON {
        var request = CurlRequest(url + "/_received")
        request.maximumBody = 64 << 20
        request.timeout = .seconds(45)
        let received = try JSON(parsing: try await CurlClient().perform(request).body.text)
        #expect(received["faults"].elements.isEmpty, "\(received["faults"])")
        return received
    }

    /// The spans that it has taken, once they are so many.
    func spans(_ count: Int, of gateway: Instance) async throws -> [JSON] {
        var spans: [JSON] = []
        try await gateway.eventually {
            spans = try await self.received()["spans"].elements
            return spans.count >= count
        }
        #expect(spans.count == count)
        return spans
    }
}

extension Trait where Self == ConditionTrait {
    static var needsCollector: Self {
        .enabled(
            if: CollectorServer.python != nil,
            "GATEHOUSE_TEST_PYTHON_OTLP names no interpreter; deploy/test.sh provides it"
        )
    }
}
