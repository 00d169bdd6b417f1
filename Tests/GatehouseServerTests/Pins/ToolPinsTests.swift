import GatehouseCore
import GatehouseTestSupport
import SQLiteClient
import Synchronization
import Testing

@testable import GatehouseServer
@testable import GatehouseTokens

/// The keeper of pins, with upstreams that a script answers for and a clock that stands. A round is made when the test asks for one.
@Suite(.timeLimit(.minutes(2))) struct ToolPinsTests {
    /// What upstreams answer, what they were asked, and what was told of it.
    private final class Upstreams: Sendable {
        struct State {
            var answers: [RouteName: ToolInquiry.Answer] = [:]
            var asked: [RouteName] = []
            var open = 0
            var mostOpen = 0
            var isHeld = false
            var changes: [PinBook.Change] = []
            var failures: [String?] = []
            var published = 0
        }

        let state = Mutex(State())
        let uptime = Mutex(Duration.zero)

        func answer(_ route: RouteName) async -> ToolInquiry.Answer {
            state.withLock { state in
                state.asked.append(route)
                state.open += 1
                state.mostOpen = max(state.mostOpen, state.open)
            }
            while state.withLock({ $0.isHeld }) { await Task.yield() }
            return state.withLock { state in
                state.open -= 1
                return state.answers[route] ?? ToolInquiry.Answer()
            }
        }

        var asked: Int { state.withLock { $0.asked.count } }
    }

    private let folder: OwnFolder
    private let upstreams = Upstreams()

    init() throws { folder = try OwnFolder("tool-pins") }

    private func store() throws -> SealedTokenStore {
        let keyring = try MasterKeyring([MasterKey(bytes: Secret(0..<32))])
        return .sqlite(path: "\(folder.path)/tokens.db", keyring: keyring, clock: ScriptedClock())
    }

    private static func name(_ text: String) throws -> RouteName { try RouteName(parsing: text) }

    private func pins(
        _ names: [String],
        _ mode: ToolPinning.Mode = .approved,
        isAsked: Bool = true
    ) throws -> ToolPins {
        let upstreams = upstreams
        let routes = try names.map { name in
            let route = Route(
                name: try Self.name(name),
                host: .any,
                audiences: ["aud"],
                upstream: try Upstream(parsing: "http://127.0.0.1:1"),
                pin: ToolPinning(mode, refresh: .seconds(300))
            )
            return (route: route, isAsked: isAsked)
        }
        return ToolPins(
            routes,
            store: try store(),
            surroundings: TokenRefresher.Surroundings(
                wall: ScriptedClock(),
                uptime: { upstreams.uptime.withLock { $0 } },
                // Rounds are made when the test asks for them.
                sleep: { _ in try await Task.sleep(for: .seconds(600)) },
                jitter: { 0 }
            ),
            ask: { route, _ in await upstreams.answer(route.name) },
            ToolPins.Listeners(
                onChange: { _ in upstreams.state.withLock { $0.published += 1 } },
                onSeen: { _, changes in upstreams.state.withLock { $0.changes += changes } },
                onAsked: { _, answer in upstreams.state.withLock { $0.failures.append(answer.failure?.message) } }
            )
        )
    }

    private static func tool(_ name: String, _ number: UInt8) throws -> ToolDefinition {
        let digest = try #require(ToolDigest(Array(repeating: number, count: 32)))
        return ToolDefinition(name: try #require(ToolName(name)), digest: digest, canonical: [number])
    }

    private func answers(_ route: String, _ tools: [ToolDefinition], failure: String? = nil) throws {
        var answer = ToolInquiry.Answer()
        answer.tools = tools
        answer.failure = failure.map { CallFailure($0) }
        let name = try Self.name(route)
        upstreams.state.withLock { $0.answers[name] = answer }
    }

    private func advance(_ duration: Duration) { upstreams.uptime.withLock { $0 += duration } }

    /// Makes rounds until something holds.
    private func rounds(_ pins: ToolPins, _ what: String, _ holds: () async throws -> Bool) async throws {
        let name = try Self.name("coda")
        try await Polling.until(what) {
            pins.saw(name, [], hasChanged: false)
            return try await holds()
        }
    }

    private func allows(_ pins: ToolPins, _ tool: String, _ route: String = "coda") throws -> Bool {
        let route = try Self.name(route)
        return Array(tool.utf8).withUnsafeBytes { pins.pins[route]?.allows($0) ?? false }
    }

    private func running(_ pins: ToolPins, _ test: () async throws -> Void) async throws {
        let task = Task { await pins.run() }
        defer { task.cancel() }
        try await test()
    }

    @Test func `an upstream is asked at the start, and what it lists waits until another process approves it`()
        async throws
    {
        try answers("coda", [try Self.tool("read", 1)])
        let (pins, other, coda) = (try pins(["coda"]), try store(), try Self.name("coda"))
        try await running(pins) {
            try await rounds(pins, "the tool waits") { pins.status[coda]?.waiting.count == 1 }
            #expect(try !allows(pins, "read") && pins.status[coda]?.listedAt != nil)
            try await rounds(pins, "the store has it") { try await other.pins(of: coda)?.book.waiting.count == 1 }
            let read = try Self.tool("read", 1).name
            _ = try await other.changePins(of: coda, by: "ann") { book in
                book.approve(read, by: "ann", at: Timestamp(seconds: 2))
            }
            try await rounds(pins, "the approval is read") { try allows(pins, "read") }
            // A list that passed says otherwise: at once, and then in the store.
            pins.saw(coda, [try Self.tool("read", 2)], hasChanged: false)
            try await rounds(pins, "it is withheld") { try !allows(pins, "read") }
            advance(PinEntry.keepTime)
            try await rounds(pins, "the store has the change") {
                try await other.pins(of: coda)?.book.pins[read]?.state == .changed
            }
            #expect(upstreams.state.withLock { $0.changes.map(\.state) } == [.new, .changed])
            #expect(upstreams.asked == 1, "nothing was due")
            advance(.seconds(300))
            try await rounds(pins, "it is asked again") { upstreams.asked == 2 }
            try await rounds(pins, "it is as it was approved") { try allows(pins, "read") }
        }
    }

    @Test func `an upstream that fails is told of, asked again later, and what it told counts`() async throws {
        try answers("coda", [try Self.tool("read", 1)], failure: "page 2: down")
        let (pins, coda) = (try pins(["coda"], .firstUse), try Self.name("coda"))
        try await running(pins) {
            try await rounds(pins, "the failure is told") { pins.status[coda]?.listProblem == "page 2: down" }
            try await rounds(pins, "the tool of page 1 counts") { try allows(pins, "read") }
            #expect(pins.status[coda]?.listedAt == nil)
            try answers("coda", [try Self.tool("read", 1)])
            advance(PinEntry.retryTime - .milliseconds(1))
            try await rounds(pins, "a round is made") { true }
            #expect(upstreams.asked == 1)
            advance(.milliseconds(1))
            try await rounds(pins, "the end is told") { pins.status[coda]?.listProblem == nil }
            #expect(upstreams.state.withLock { $0.failures } == ["page 2: down", nil])
        }
    }

    @Test func `four upstreams are asked at once, the others as those answer, and a person's never`() async throws {
        let names = (0..<9).map { "r\($0)" } + ["coda"]
        let pins = try pins(names)
        upstreams.state.withLock { $0.isHeld = true }
        try await running(pins) {
            try await rounds(pins, "four are asked") { upstreams.asked == ToolPins.maximumAsking }
            upstreams.state.withLock { $0.isHeld = false }
            try await rounds(pins, "all are asked") { upstreams.asked == names.count }
            #expect(upstreams.state.withLock { $0.mostOpen } <= ToolPins.maximumAsking)
            #expect(Set(upstreams.state.withLock { $0.asked }).count == names.count)
        }
        let own = try self.pins(["coda"], isAsked: false)
        let before = upstreams.asked
        try await running(own) {
            own.saw(try Self.name("coda"), [try Self.tool("read", 1)], hasChanged: true)
            try await rounds(own, "a list that passed counts") {
                own.status[try Self.name("coda")]?.waiting.count == 1
            }
            #expect(upstreams.asked == before)
        }
    }

    @Test func `a list that is said to have changed is asked for, every five seconds at most`() async throws {
        try answers("coda", [try Self.tool("read", 1)])
        let (pins, coda) = (try pins(["coda"]), try Self.name("coda"))
        try await running(pins) {
            try await rounds(pins, "it is asked at the start") { pins.status[coda]?.listedAt != nil }
            for _ in 0..<20 { pins.saw(coda, [], hasChanged: true) }
            try await rounds(pins, "a round is made") { true }
            #expect(upstreams.asked == 1)
            advance(PinEntry.quietTime)
            try await rounds(pins, "it is asked for") { upstreams.asked == 2 }
        }
    }

    @Test func `pins that were changed outside open nothing, and what is forgotten begins anew`() async throws {
        try answers("coda", [try Self.tool("read", 1)])
        let (other, coda) = (try store(), try Self.name("coda"))
        let first = try pins(["coda"], .firstUse)
        try await running(first) {
            try await rounds(first, "it is approved as it is seen first") { try allows(first, "read") }
            try await rounds(first, "the store has it") { try await other.pins(of: coda)?.revision == 1 }
        }
        try SQLiteConnection(path: "\(folder.path)/tokens.db")
            .execute("UPDATE token_versions SET note = 'edited' WHERE name LIKE '*pins %'")
        let second = try pins(["coda"], .firstUse)
        await second.read()
        #expect(try !allows(second, "read"))
        #expect(second.status[coda]?.isKnown == false && second.status[coda]?.hint != nil)
        try await running(second) {
            try await rounds(second, "its upstream is asked") { second.status[coda]?.listedAt != nil }
            try await rounds(second, "a round is made") { true }
            #expect(try !allows(second, "read") && second.status[coda]?.problem != nil)
            #expect(try await other.forgetPins(of: coda, by: "ann"))
            try await rounds(second, "it is seen first again") { try allows(second, "read") }
            #expect(second.status[coda]?.problem == nil)
        }
    }
}
