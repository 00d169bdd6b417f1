import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite("On a terminal", .timeLimit(.minutes(1)))
struct TerminalTests {
    private let secret = "typed-in-the-dark-91c4"

    private func fixture() async throws -> CommandFixture {
        let fixture = try CommandFixture()
        #expect(try await fixture.run("key", "generate", "--out", "\(fixture.path)/key").exit == 0)
        return fixture
    }

    @Test func `a value is asked for and not shown, and the terminal is as before`() async throws {
        let fixture = try await fixture()
        let typing = try Typing(["token", "set", "coda"], in: fixture)
        let question = await typing.screen(until: "(not shown): ")
        #expect(!typing.echoes)
        typing.type(secret + "\n")
        let answer = await typing.screen()
        #expect(await typing.exit() == 0)
        #expect(!(question + answer).contains(secret))
        #expect(answer.contains("coda"))
        #expect(typing.echoes)
        let piped = try await fixture.run("token", "set", "other", input: secret + "\n")
        let list = try await fixture.run("token", "list").output.split(separator: "\n").dropFirst()
        let fingerprints = Set(list.map { $0.split(separator: " ")[2] })
        #expect(piped.exit == 0 && list.count == 2 && fingerprints.count == 1, "both ways give one value")
    }

    @Test func `a value longer than a line of the terminal is taken whole, and erasing erases`() async throws {
        let fixture = try await fixture()
        // The longest token there can be.
        let long = String(repeating: "0123456789abcdef", count: 512)
        let typing = try Typing(["token", "set", "coda"], in: fixture)
        _ = await typing.screen(until: "(not shown): ")
        typing.type("typed wrongly\u{15}")
        // In pieces that the terminal's queue holds.
        for piece in 0..<16 {
            let start = long.index(long.startIndex, offsetBy: piece * 512)
            typing.type(String(long[start..<long.index(start, offsetBy: 512)]))
        }
        typing.type("x\u{7F}\n")
        _ = await typing.screen()
        #expect(await typing.exit() == 0)
        #expect(try await fixture.run("token", "set", "other", input: long).exit == 0)
        let list = try await fixture.run("token", "list").output.split(separator: "\n").dropFirst()
        #expect(Set(list.map { $0.split(separator: " ")[2] }).count == 1)
    }

    @Test func `a stop shows what is typed to others, and going on hides it again`() async throws {
        let fixture = try await fixture()
        let typing = try Typing(["token", "set", "coda"], in: fixture)
        _ = await typing.screen(until: "(not shown): ")
        kill(typing.pid, SIGTSTP)
        try await Polling.until("the terminal to show again") { typing.echoes }
        kill(typing.pid, SIGCONT)
        try await Polling.until("the terminal to hide again") { !typing.echoes }
        typing.type(secret + "\n")
        #expect(await !typing.screen().contains(secret))
        #expect(await typing.exit() == 0)
        #expect(typing.echoes)
    }

    @Test func `nothing typed is no value`() async throws {
        let typing = try Typing(["token", "set", "coda"], in: try await fixture())
        _ = await typing.screen(until: "(not shown): ")
        typing.type("\n")
        #expect(await typing.screen().contains("gatehouse: error: nothing was typed"))
        #expect(await typing.exit() == 1)
    }

    @Test func `an interrupt leaves the terminal showing what is typed`() async throws {
        let typing = try Typing(["token", "set", "coda"], in: try await fixture())
        _ = await typing.screen(until: "(not shown): ")
        typing.type("half a sec\u{03}")
        _ = await typing.screen()
        #expect(await typing.exit() == 128 + SIGINT)
        #expect(typing.echoes)
    }

    @Test(arguments: [("coda", 0), ("cod", 1), ("", 1), ("yes", 1)] as [(String, Int32)])
    func `a deletion is confirmed by the name alone`(answer: String, exit: Int32) async throws {
        let fixture = try await fixture()
        #expect(try await fixture.run("token", "set", "coda", input: secret).exit == 0)
        let typing = try Typing(["token", "delete", "coda"], in: fixture)
        _ = await typing.screen(until: "Type its name: ")
        typing.type(answer + "\n")
        _ = await typing.screen()
        #expect(await typing.exit() == exit)
        let left = try await fixture.run("token", "show", "coda")
        #expect(left.exit == (exit == 0 ? 1 : 0))
    }

    @Test(arguments: [20, 40, 80, 120, 200, 400] as [UInt16])
    func `a table of requests is no wider than the terminal`(columns: UInt16) async throws {
        let fixture = try CommandFixture()
        try fixture.recordRequests(count: 3)
        let typing = try Typing(["audit", "query"], in: fixture, columns: columns)
        let lines = await typing.screen().split(whereSeparator: \.isNewline)
        #expect(await typing.exit() == 0)
        // In a narrow terminal each message, like the header, has two lines: its reason and its id are never cut.
        #expect(lines.count == (columns >= 140 ? 4 : 8))
        if columns >= 40 {
            #expect(lines.contains { $0.contains("tool_denied") })
            for number in 0..<3 {
                #expect(lines.contains { $0.contains(CommandFixture.requestID(number).description) })
            }
        }
        for line in lines { #expect(line.count <= columns, "\(line)") }
        if columns >= 80 {
            #expect(lines[0].hasPrefix("TIME") && lines[0].contains("WHO") && lines[0].contains("REASON"))
        }
    }

    @Test func `nothing is cut where no terminal is`() async throws {
        let fixture = try CommandFixture()
        try fixture.recordRequests(count: 1)
        let output = try await fixture.run("audit", "query").output
        #expect(output.contains(CommandFixture.longTarget))
    }

    @Test func `an export tells its progress and clears it away`() async throws {
        let fixture = try CommandFixture()
        try fixture.recordRequests(count: 600)
        let out = "\(fixture.path)/events.jsonl"
        let typing = try Typing(["audit", "export", "--events", "--out", out], in: fixture)
        let screen = await typing.screen()
        #expect(await typing.exit() == 0)
        #expect(screen.contains("1000 of 1200 events"))
        #expect(screen.hasSuffix("\r\u{1B}[K"))
        #expect(fixture.read("events.jsonl").split(separator: "\n").count == 1200)
    }
}
