import GatehouseCore
import Testing

@testable import GatehouseServer
@testable import GatehouseTokens

/// When an upstream is asked for its tools, and what counts while the store does not take what was seen.
@Suite struct PinEntryTests {
    private static let now = Timestamp(seconds: 1)

    private static func entry(isAsked: Bool = true) throws -> PinEntry {
        let route = Route(
            name: try RouteName(parsing: "coda"),
            host: .any,
            audiences: ["aud"],
            upstream: try Upstream(parsing: "http://127.0.0.1:1"),
            pin: ToolPinning(.approved, refresh: .seconds(300))
        )
        return PinEntry(route, ToolPinning(.approved, refresh: .seconds(300)), isAsked: isAsked, at: .zero)
    }

    private static func tool(_ text: String, _ number: UInt8 = 1) throws -> ToolDefinition {
        let (name, digest) = (ToolName(text), ToolDigest(Array(repeating: number, count: 32)))
        return ToolDefinition(name: try #require(name), digest: try #require(digest), canonical: [number])
    }

    private static func answer(_ tools: [ToolDefinition], failure: String? = nil) -> ToolInquiry.Answer {
        var answer = ToolInquiry.Answer()
        answer.tools = tools
        answer.failure = failure.map { CallFailure($0) }
        return answer
    }

    @Test func `an upstream is asked at once, and every refresh`() throws {
        var entry = try Self.entry()
        #expect(entry.isDue(at: .zero))
        entry.asking(at: .zero)
        #expect(!entry.isDue(at: .seconds(400)), "it is asked")
        entry.answered(Self.answer([try Self.tool("a")]), at: .seconds(1), wall: Self.now)
        #expect(entry.status.listedAt == Self.now && entry.pending.count == 1 && entry.pending[0].isWhole)
        #expect(!entry.isDue(at: .seconds(299)) && entry.isDue(at: .seconds(300)))
        #expect(try !Self.entry(isAsked: false).isDue(at: .seconds(999)))
    }

    @Test func `one that fails is asked again after longer and longer, and what it told before it failed counts`()
        throws
    {
        var entry = try Self.entry()
        var now = Duration.zero
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            #expect(entry.isDue(at: now))
            entry.asking(at: now)
            entry.answered(Self.answer([try Self.tool("a")], failure: "down"), at: now, wall: Self.now)
            #expect(entry.status.listProblem == "down" && entry.pending.allSatisfy { !$0.isWhole })
            #expect(!entry.isDue(at: now + .seconds(wait) - .milliseconds(1)), "\(wait)")
            now += .seconds(wait)
        }
        entry.asking(at: now)
        entry.answered(Self.answer([]), at: now, wall: Self.now)
        #expect(entry.status.listProblem == nil)
        entry.asking(at: now + .seconds(300))
        entry.answered(Self.answer([], failure: "down"), at: now + .seconds(300), wall: Self.now)
        #expect(entry.isDue(at: now + .seconds(310)), "it begins anew")
    }

    @Test
    func `a server that says again and again that its list has changed is not asked more than every five seconds`()
        throws
    {
        var entry = try Self.entry()
        entry.asking(at: .seconds(100))
        entry.listChanged(at: .seconds(101))
        entry.answered(Self.answer([]), at: .seconds(102), wall: Self.now)
        #expect(!entry.isDue(at: .seconds(104)) && entry.isDue(at: .seconds(105)))
        entry.asking(at: .seconds(105))
        entry.answered(Self.answer([]), at: .seconds(106), wall: Self.now)
        entry.listChanged(at: .seconds(200))
        #expect(entry.isDue(at: .seconds(200)))
    }

    @Test func `what was seen counts before the store has it, and an untrusted store opens nothing`() throws {
        var entry = try Self.entry()
        #expect(entry.current(at: Self.now) == nil, "nothing is known yet")
        var book = PinBook()
        book.saw([try Self.tool("a")], isWhole: true, .firstUse, at: Self.now)
        entry.read(SealedTokenStore.KeptPins(book: book, revision: 1))
        let name = try Self.tool("a").name
        #expect(entry.current(at: Self.now)?.pins[name]?.state == .approved)
        entry.saw(PinObservation(tools: [try Self.tool("a", 2)], isWhole: false), at: .zero)
        #expect(entry.current(at: Self.now)?.pins[name]?.state == .changed)
        #expect(entry.mayKeep(at: .zero))
        entry.keeping(at: .zero)
        #expect(!entry.mayKeep(at: .milliseconds(999)) && entry.mayKeep(at: .seconds(1)))
        entry.failed(TokenError(.unavailable, "down"))
        #expect(entry.current(at: Self.now)?.pins[name]?.state == .changed && entry.status.problem == "down")
        entry.failed(TokenError(.tampered, "changed"))
        #expect(entry.current(at: Self.now) == nil && entry.revision == nil)
        entry.read(SealedTokenStore.KeptPins(book: book, revision: 3))
        #expect(entry.status.problem == nil && entry.current(at: Self.now)?.pins[name]?.state == .changed)
    }

    @Test func `what waits for the store is bounded, and the upstream asked instead`() throws {
        var entry = try Self.entry()
        entry.asking(at: .zero)
        entry.answered(Self.answer([]), at: .zero, wall: Self.now)
        for number in 0..<200 {
            entry.saw(PinObservation(tools: [try Self.tool("t\(number)")], isWhole: false), at: .seconds(20))
        }
        #expect(entry.pending.count == PinEntry.maximumPending && entry.isDue(at: .seconds(20)))

        var inbox = PinInbox()
        let name = try RouteName(parsing: "coda")
        let (long, digest) = (Array(repeating: 1 as UInt8, count: 128 << 10), try Self.tool("a").digest)
        for number in 0..<100 {
            let name2 = try Self.tool("t\(number)").name
            inbox.put(name, [ToolDefinition(name: name2, digest: digest, canonical: long)], hasChanged: false)
        }
        let taken = inbox.take()
        #expect(taken.observations[name]?.count == 64 && taken.changed == [name])
        #expect(inbox.take().observations.isEmpty)
    }
}
