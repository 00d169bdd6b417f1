import Foundation
import GatehouseConfig
import GatehouseCore
import Testing
import YAMLReader

/// What the documents show in YAML and JSON is read by what would read it: a configuration by Gatehouse's own reader, as `check` does.
@Suite("The YAML and JSON of the documents")
struct DocumentedDataTests {
    static let yaml = (try? DocumentedFence.all(in: "yaml")) ?? []
    static let json = (try? DocumentedFence.all(in: "json")) ?? []

    private static func isCompose(_ fence: DocumentedFence) -> Bool { fence.keys.contains("services") }

    /// The variables that the fragments name.
    private static let environment: Environment = [
        "CODA_AUDIENCE": String(repeating: "0123456789abcdef", count: 4),
        "GATEHOUSE_DATABASE_URL": "postgres://gatehouse@db/gatehouse",
    ]

    @Test func `stands in fences that name their language`() {
        #expect(Self.yaml.count >= 8 && Self.json.count >= 3)
        #expect(Self.yaml.contains(where: Self.isCompose))
    }

    /// A fragment stands in a whole file: what it leaves out is given, what it says is read without an error or a warning.
    @Test(arguments: yaml.filter { !isCompose($0) })
    func `is a configuration that check finds no fault with`(fence: DocumentedFence) throws {
        let text = CompletedConfiguration.text(fence)
        do throws(ConfigurationError) {
            let name = "around \(fence)"
            let configuration = try Configuration(parsing: text.utf8, file: name, environment: Self.environment)
            #expect(configuration.warnings.isEmpty, "\(configuration.warnings)\n\(text)")
        } catch {
            Issue.record("\(error)\n\(text)")
        }
    }

    /// The test can fail: a key that a fragment misspells is found, on each level that fragments stand on.
    @Test(arguments: [
        "upstream_tsl: { ca: /ca.pem }", "routes:\n  - name: coda\n    autenticate: [access]", "master_kyes: []",
    ])
    func `would be found wrong with a misspelt key`(text: String) {
        let fence = DocumentedFence(document: "none", line: 1, text: text + "\n")
        #expect(throws: ConfigurationError.self) {
            try Configuration(parsing: CompletedConfiguration.text(fence).utf8, file: "none", environment: [:])
        }
    }

    /// No compose is installed where these tests run; `Tests/Containers/run.sh` starts the services.
    @Test(arguments: yaml.filter(isCompose))
    func `is YAML where it is of compose`(fence: DocumentedFence) {
        let reading = YAMLReader.read(Array(fence.text.utf8))
        #expect(reading.problems.isEmpty)
        for service in DocumentedFence.entries(
            DocumentedFence.entries(reading.root).first { $0.key == "services" }?.value
        ) {
            #expect(DocumentedFence.entries(service.value).contains { $0.key == "image" }, "\(service.key)")
        }
    }

    @Test(arguments: json)
    func `is JSON where it says so`(fence: DocumentedFence) throws {
        _ = try JSONSerialization.jsonObject(with: Data(fence.text.utf8))
    }
}
