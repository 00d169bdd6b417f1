import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// Plays somebody who can write the volume: what they shorten is mapped by SQLite. The process ends as one that failed, says why, and nothing that
/// it answered is lost.
@Suite("A write-ahead log's index that was shortened", .needsTools, .timeLimit(.minutes(4)))
struct ShortenedIndexTests {
    @Test(arguments: ["audit.db", "tokens.db"])
    func `ends the process by an error that names it, and the next start is whole`(database: String) async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["one-1a"], set: "one-1a")
        var answered = 0
        for _ in 0..<5 where try await fixture.call().status == 200 { answered += 1 }
        let index = "\(fixture.folder.path)/\(database)-shm"
        #expect(truncate(index, 0) == 0)
        // Each call is an event that the sink writes, and the use of a token that the store notes.
        try await Polling.until("the end of the process") {
            if (try? await fixture.call().status) == 200 { answered += 1 }
            return fixture.process.hasEnded
        }
        #expect(await fixture.process.exit() == .code(1))
        #expect(
            await fixture.process.errors.whole.contains("error: \(index) was shortened while SQLite had it mapped\n")
        )
        let next = try ChildProcess(Tools.gatehouse, ["serve", "--config", "\(fixture.folder.path)/gatehouse.yaml"])
        try await next.eventually { (try? await fixture.call().status) == 200 }
        next.send(signal: SIGTERM)
        #expect(await next.exit() == .code(0))
        let verify = try ChildProcess(
            Tools.gatehouse,
            ["audit", "verify", "--json", "--config", "\(fixture.folder.path)/gatehouse.yaml"]
        )
        verify.closeInput()
        let report = try JSON(parsing: await verify.output.whole)
        #expect(await verify.exit() == .code(0))
        #expect(report["ok"] == .bool(true))
        // Commands write chains of their own.
        let events = report["chains"].elements.compactMap { $0["events"].number }
        #expect((events.max() ?? 0) >= 2 * (answered + 1))
    }
}
