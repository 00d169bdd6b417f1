import Foundation
import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct ExampleFileTests {
    @Test(arguments: ["coda.example.yaml", "coda.sqlite.example.yaml"])
    func `every example parses without a warning`(name: String) throws {
        let path = TestFiles.root.appendingPathComponent("config/\(name)").path
        let configuration = try Configuration.read(path: path, environment: ["CODA_AUDIENCE": "aud-tag"])
        #expect(configuration.warnings.isEmpty)
        #expect(configuration.routes.routes.map(\.name.text) == ["coda"])
        #expect(configuration.routes.routes[0].audiences == ["aud-tag"])
    }

    @Test func `the example that needs a variable says so`() throws {
        let path = TestFiles.root.appendingPathComponent("config/coda.example.yaml").path
        #expect(throws: ConfigurationError.self) { try Configuration.read(path: path, environment: [:]) }
    }
}
