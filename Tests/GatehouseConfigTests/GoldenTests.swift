import Foundation
import GatehouseConfig
import Testing

/// Each `NAME.yaml` in Golden gives exactly the text of `NAME.txt`: its diagnostics, or the effective configuration after the
/// warnings. With GATEHOUSE_UPDATE_GOLDEN set, the texts are written anew, to be read before they are committed.
@Suite struct GoldenTests {
    static let environment: Environment = [
        "AUD": "aud-from-environment", "EMPTY": "", "OLD_KEY": "hunter2",
        "DATABASE_URL": "postgres://gatehouse:hunter2secret@db:5432/gatehouse",
        "DATABASE_PASSWORD": "hunter2secret", "HOSTILE": "a\n  - evil: true # \"'{[*&",
        "NOT_A_HOST": "hunter2secret in a host",
    ]

    static let names: [String] = {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: TestFiles.golden.path)) ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
    }()

    @Test func `there are golden files`() { #expect(Self.names.count >= 10) }

    @Test(arguments: names)
    func `the text is the one expected`(name: String) throws {
        let input = try Data(contentsOf: TestFiles.golden.appendingPathComponent("\(name).yaml"))
        let output = Self.output(of: input, name)
        let expected = TestFiles.golden.appendingPathComponent("\(name).txt")
        if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_GOLDEN"] != nil {
            try Data(output.utf8).write(to: expected)
        }
        #expect(output == String(decoding: try Data(contentsOf: expected), as: UTF8.self))
        #expect(!output.contains("hunter2"), "a secret is in the text")
    }

    private static func output(of input: Data, _ name: String) -> String {
        do throws(ConfigurationError) {
            let configuration = try Configuration(parsing: input, file: "\(name).yaml", environment: environment)
            return configuration.warnings.map { "\($0)\n" }.joined() + configuration.effective
        } catch {
            return "\(error)\n"
        }
    }
}
