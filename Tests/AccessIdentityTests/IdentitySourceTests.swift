import GatehouseCore
import GatehouseTestSupport
import Synchronization
import Testing

@testable import AccessIdentity

@Suite struct IdentitySourceTests {
    private let clock = ScriptedKeyClock()
    private let endpoint = ScriptedIdentities()
    private let source: IdentitySource

    init() throws {
        let wanted = CallerAttributes.Wanted(groups: try MemberPath(parsing: "custom.groups"))
        source = IdentitySource(
            options: .init(refresh: 300, maximumStaleness: 3600, wanted: wanted),
            clock: clock,
            fetch: endpoint.fetch
        )
    }

    private static func principal(_ name: String) -> Principal {
        Principal(kind: .user, name: "\(name)@example.com", subject: name)
    }

    private static func signIn(_ name: String, _ nonce: String = "n") -> SignIn {
        SignIn(principal(name), nonce: nonce, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Asks with the assertion `NAME-NONCE`.
    private func ask(_ name: String, _ nonce: String = "n") async -> String {
        switch await source.identity(of: Self.signIn(name, nonce), Secret("\(name)-\(nonce)")) {
        case .known(let answer, let until):
            let groups = answer.over(.none).groups.joined(separator: ",")
            return "\(groups) fresh \(until.fresh - clock.now()) usable \(until.usable - clock.now())"
        case .failed(let failure, let again): return "\(failure), again \(again - clock.now())"
        }
    }

    private func answer(_ name: String, _ nonce: String = "n", groups: String, email: String? = nil) {
        endpoint.answer(
            "\(name)-\(nonce)",
            200,
            #"{"email":"\#(email ?? "\(name)@example.com")","groups":[\#(groups)]}"#
        )
    }

    @Test func `each sign-in is asked about once while its answer is fresh, with its own assertion`() async {
        answer("ann", groups: #""a""#)
        answer("bob", groups: #""b""#)
        answer("ann", "m", groups: "")
        for _ in 0..<2 {
            #expect(await ask("ann") == "a fresh 300 usable 3600")
            #expect(await ask("bob") == "b fresh 300 usable 3600")
            #expect(await ask("ann", "m") == " fresh 300 usable 3600")
        }
        #expect(endpoint.asked == ["ann-n", "bob-n", "ann-m"])
        answer("ann", groups: #""c""#)
        clock.advance(299)
        #expect(await ask("ann") == "a fresh 1 usable 3301")
        clock.advance(1)
        #expect(await ask("ann") == "c fresh 300 usable 3600")
        // A clock that is set back makes nothing fresh for longer.
        clock.advance(-1000)
        answer("ann", groups: #""d""#)
        #expect(await ask("ann") == "d fresh 300 usable 3600")
    }

    private final class Told: Sendable {
        let failures = Mutex<[String]>([])
    }

    @Test func `an answer against a sign-in is told, and an outage is not`() async throws {
        let told = Told()
        let source = IdentitySource(
            options: .init(refresh: 300, maximumStaleness: 3600, wanted: .init(groups: nil)),
            clock: clock,
            fetch: endpoint.fetch,
            onRefusal: { failure in told.failures.withLock { $0.append("\(failure)") } }
        )
        endpoint.fail("ann-n")
        endpoint.answer("bob-n", 403, "")
        for name in ["ann", "bob"] { _ = await source.identity(of: Self.signIn(name), Secret("\(name)-n")) }
        #expect(told.failures.withLock { $0 } == ["\(IdentityFailure.rejected(status: 403))"])
    }

    @Test func `whoever asks meanwhile waits for the same answer`() async {
        answer("ann", groups: #""a""#)
        endpoint.hold()
        async let one = ask("ann")
        await endpoint.whenHeld()
        async let other = ask("ann")
        async let third = ask("ann")
        endpoint.release()
        #expect(await [one, other, third] == Array(repeating: "a fresh 300 usable 3600", count: 3))
        #expect(endpoint.asked == ["ann-n"])
    }

    @Test func `the last good answer serves while newer ones fail, up to its bound`() async {
        answer("ann", groups: #""a""#)
        _ = await ask("ann")
        endpoint.fail("ann-n")
        clock.advance(300)
        #expect(await ask("ann") == "a fresh 5 usable 3300")
        #expect(await ask("ann") == "a fresh 5 usable 3300")
        #expect(endpoint.asked.count == 2)
        clock.advance(5)
        endpoint.answer("ann-n", 500, "")
        #expect(await ask("ann") == "a fresh 5 usable 3295")
        clock.advance(3295)
        #expect(await ask("ann") == "the identity endpoint answers 500, again 5")
        answer("ann", groups: #""b""#)
        #expect(await ask("ann") == "the identity endpoint answers 500, again 5")
        clock.advance(5)
        #expect(await ask("ann") == "b fresh 300 usable 3600")
        let status = await source.status
        #expect([status.fetched, status.failed, status.refused, status.overloaded, status.kept] == [2, 3, 0, 0, 1])
    }

    @Test(arguments: [401, 403, 200]) func `an answer against the assertion ends the last good one`(status: Int) async {
        answer("ann", groups: #""a""#)
        _ = await ask("ann")
        clock.advance(300)
        endpoint.answer("ann-n", status, #"{"email":"eve@example.com","groups":["root"]}"#)
        let words =
            status == 200 ? "answers about another person than the assertion's" : "answers \(status) to an assertion"
        #expect(await ask("ann") == "the identity endpoint \(words), again 5")
        // Nor does it come back when the endpoint cannot be asked.
        clock.advance(5)
        endpoint.fail("ann-n")
        #expect(await ask("ann") == "the identity endpoint cannot be asked: connection refused, again 5")
    }

    @Test(arguments: [301, 302, 404, 429, 204]) func `any other answer is none`(status: Int) async {
        endpoint.answer("ann-n", status, #"{"email":"ann@example.com","groups":["a"]}"#)
        #expect(await ask("ann") == "the identity endpoint answers \(status), again 5")
    }

    @Test func `one person's sign-ins take one place, and never those of all others`() async {
        endpoint.hold()
        let source = source
        let many = (0..<10).map { index in
            Task { await source.identity(of: Self.signIn("eve", "\(index)"), Secret("eve-\(index)")) }
        }
        answer("ann", groups: #""a""#)
        async let ann = ask("ann")
        await endpoint.whenHeld(2)
        #expect(Set(endpoint.asked.map { $0.prefix(3) }) == ["eve", "ann"] && endpoint.asked.count == 2)
        endpoint.release()
        #expect(await ann == "a fresh 300 usable 3600")
        var refused = 0
        for each in many {
            guard case .failed(.overloaded, let again) = await each.value else { continue }
            // A question that was not asked keeps the next one from being asked for a second alone.
            #expect(again == clock.now() + 1)
            refused += 1
        }
        #expect(await source.status.overloaded == 6 && refused == 6)
    }
}
