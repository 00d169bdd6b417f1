import Foundation
import Testing

enum Promtool {
    static let path = "/usr/bin/promtool"
}

/// The alert rules against series as Gatehouse gives them, by Prometheus's own tool (Debian's package `prometheus`).
@Suite(
    .enabled(
        if: FileManager.default.isExecutableFile(atPath: Promtool.path),
        "no promtool: apt-get install prometheus"
    ),
    .timeLimit(.minutes(1))
)
struct AlertRuleTests {
    @Test func `fire when they should, and not before`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: Promtool.path)
        process.arguments = ["test", "rules", root.appendingPathComponent("deploy/monitoring/alerts_test.yml").path]
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
