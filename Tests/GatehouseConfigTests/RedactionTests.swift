import Foundation
import GatehouseConfig
import Testing

@Suite struct RedactionTests {
    @Test(arguments: [
        "master_keys: [hunter2]", "master_keys: hunter2", "master_keys: [[hunter2]]", "master_keys: [{ hunter2: x }]",
        "master_keys: [{ env: hunter-2 }]", "master_keys: [{ file: hunter2 }]", "master_keys: [{ env: [hunter2] }]",
        "master_keys: [{ env: A, file: hunter2 }]", "master_keys: [\"${UNSET}hunter2\"]", "master_key: hunter2",
        "client_secret: hunter2", "password: hunter2", "secret: { value: hunter2 }", "api-token: [a, hunter2]",
        "master_keys: [&a hunter2]", "master_keys: [!x hunter2]", "url: \"postgres://u:hunter2@h/d\"",
        "url: 'postgresql://u:x${A:-hunter2}@h'", "url: \"postgres://h/d?sslpassword=hunter2\"",
        "url: \"http://u:hunter2@h\"",
        // Texts that are not YAML.
        "master_keys: [hunter2", "master_keys: hunter2: x", "client_secret: \"hunter2", "password: [hunter2, }",
        "url: \"postgres://u:hunter2@h/d\" x",
    ])
    func `a literal secret is an error that does not repeat it`(key: String) {
        // Another error on the same line must not quote it either.
        for text in [
            minimal("kind: postgres, \(key), bogus: 1", instead: "kind: env"),
            minimal("kind: postgres\n    \(key)\n    bogus: 1\n ", instead: "{ kind: env }").replacingOccurrences(
                of: "phase1: kind",
                with: "phase1:\n    kind"
            ),
        ] {
            let found = problems(text, ["A": "x"])
            #expect(!found.isEmpty)
            for diagnostic in found {
                let text = "\(diagnostic)".replacingOccurrences(of: "hunter-2", with: "hunter2")
                #expect(!text.contains("hunter2"), "\(text)")
            }
        }
    }

    /// A Kelvin sign equals a K as a character, and no name of a secret has one.
    @Test func `a key that only looks like the name of a secret does not uncover one`() {
        let found = problems("\u{212A}ey: 1\nother: { Key: hunter2, bogus: 1 }\n")
        #expect(!found.isEmpty && found.allSatisfy { !"\($0)".contains("hunter2") }, "\(found)")
    }

    @Test func `a literal that looks like a secret is warned of and never printed`() throws {
        let text = minimal(
            "{ X-Account: sk-live-0123456789abcdef, X-Region: eu }",
            instead: "{ X-Wiki-Api-Key: \"{token}\" }"
        )
        let configuration = try read(text, [:])
        #expect(configuration.warnings.contains { $0.message.contains("looks like a secret") })
        #expect(!configuration.effective.contains("sk-live"))
        #expect(configuration.effective.contains("X-Region: eu"))
        #expect(throws: Never.self) { try read(configuration.effective, [:]) }
    }

    @Test func `what variables hold is not repeated`() {
        let environment: Environment = ["S": "hunter2 with a space"]
        for line in [
            "host: \"${S}\"", "path: \"${S}\"", "upstream: \"http://${S}\"", "protocol: \"${S}\"",
            "limits: { body: \"${S}\" }",
            "timeouts: { idle: \"${S}\" }", "limits: { rate: \"${S}\" }", "preserve_host: \"${S}\"",
            "authenticate: [\"${S}\"]",
            "probe: { url: \"${S}\" }", "inject: { \"A\": \"{${S}}\" }", "strip: { headers: [\"${S}\"] }",
        ] {
            let text = minimal.split(separator: "\n").filter { !$0.contains(line.prefix(5)) }.joined(separator: "\n")
            let found = problems(text + "\n    \(line)\n", environment)
            #expect(!found.isEmpty, "\(line)")
            #expect(found.allSatisfy { !"\($0)".contains("hunter2") }, "\(found)")
        }
    }
}
