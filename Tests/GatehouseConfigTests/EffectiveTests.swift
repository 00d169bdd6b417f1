import Foundation
import GatehouseConfig
import GatehouseCore
import Testing

@Suite struct EffectiveTests {
    @Test func `the effective configuration reads back as itself`() throws {
        let full = try String(contentsOf: TestFiles.golden.appendingPathComponent("effective.yaml"), encoding: .utf8)
        for text in [minimal, full] {
            let first = try read(text, GoldenTests.environment)
            let second = try read(first.effective, GoldenTests.environment)
            #expect(second.effective == first.effective)
            #expect(second.access == first.access)
            #expect(second.stores == first.stores)
            #expect(second.audit == first.audit)
        }
    }

    @Test(arguments: [
        "a${b}", "\"quoted\" \\ and 'single'", " spaces ", "true", "null", "1e5", "ünï", "# no comment", "a: b", "-",
        "\u{FEFF}",
    ])
    func `a value from a variable is shown so that it reads back`(value: String) throws {
        let text = minimal("audience: [\"${NAME}\"]", instead: "audience: [\(audienceTag)]")
        let effective = try read(text, ["NAME": value]).effective
        #expect(try read(effective).routes.routes[0].audiences == [value])
    }

    @Test func `what may hold a secret is shown as written`() throws {
        let text = minimal("X-Key: \"a ${SECRET}\"", instead: "X-Wiki-Api-Key: \"{token}\"")
        let effective = try read(text, ["SECRET": "hunter2"]).effective
        #expect(!effective.contains("hunter2"))
        #expect(effective.contains("X-Key: \"a ${SECRET}\""))
    }
}
