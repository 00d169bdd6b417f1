import CurlClient
import Foundation
import Testing

/// Plays somebody who can write the volume: what they shorten is mapped by SQLite, which ends the process, and nothing else is lost.
@Suite("A write-ahead log's index that was shortened", .needsTools, .timeLimit(.minutes(4)))
struct ShortenedIndexTests {
    @Test func `ends the process at worst, and the next start is whole`() async throws {
        let fixture = try await TokenFixture.start(store: "sqlite", tokens: ["one-1a"], set: "one-1a")
        var answered = 0
        for _ in 0..<5 where try await fixture.call().status == 200 { answered += 1 }
        let index = "\(fixture.folder.path)/audit.db-shm"
        #expect(truncate(index, 0) == 0)
        var isThere = true
        for _ in 0..<50 where isThere {
            if (try? await fixture.call().status) == 200 { answered += 1 } else { isThere = false }
        }
        fixture.process.send(signal: SIGTERM)
        let exit = await fixture.process.exit()
        #expect(exit == .signal(SIGBUS) || exit == .code(0))
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
        #expect((report["chains"].elements.first?["events"].number ?? 0) >= 2 * (answered + 1))
    }
}
