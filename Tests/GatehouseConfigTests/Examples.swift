import Foundation
import GatehouseConfig
import GatehouseCore
import Testing

/// An AUD tag as Access makes them.
let audienceTag = String(repeating: "0123456789abcdef", count: 4)

/// A small file that is right, for tests that make one thing of it wrong.
let minimal = """
    version: 1
    access: { team: example }
    stores: { phase1: { kind: env } }
    threads: 2
    routes:
      - name: coda
        host: coda.example.com
        audience: [\(audienceTag)]
        upstream: http://wiki-mcp:8080
        inject: { X-Wiki-Api-Key: "{token}" }

    """

func read(_ text: String, _ environment: Environment = [:]) throws(ConfigurationError) -> Configuration {
    try Configuration(parsing: text.utf8, file: "gatehouse.yaml", environment: environment)
}

/// Everything that is wrong with a text; none when nothing is.
func problems(_ text: String, _ environment: Environment = [:]) -> [Diagnostic] {
    do throws(ConfigurationError) {
        _ = try read(text, environment)
        return []
    } catch {
        return error.diagnostics
    }
}

/// `minimal` with one line put in place of another.
func minimal(_ line: String, instead old: String) -> String {
    precondition(minimal.contains(old), "the small file has no '\(old)'")
    return minimal.replacingOccurrences(of: old, with: line)
}

/// `minimal` with more keys for its route.
func minimal(route lines: String...) -> String {
    minimal + lines.map { "    \($0)\n" }.joined()
}

enum TestFiles {
    static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    static let golden = tests.appendingPathComponent("Golden")
    static let root = tests.deletingLastPathComponent().deletingLastPathComponent()
}
