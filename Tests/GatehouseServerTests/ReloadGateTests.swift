import GatehouseConfig
import Testing

@testable import GatehouseServer

@Suite("Whether a file is taken now") struct ReloadGateTests {
    private static func yaml(allow: String? = "[ { users: [ana@example.com] } ]", deny: String = "", more: String = "")
        -> String
    {
        """
        version: 1
        access: { team: example, deny: { users: [\(deny)] } }
        stores: { phase1: { kind: env } }
        \(more)
        routes:
          - name: coda
            host: coda.example.com
            audience: [aud]
            upstream: http://coda:8080
            \(allow.map { "allow: \($0)" } ?? "")

        """
    }

    private static func configuration(_ text: String) throws -> Configuration {
        try Configuration(parsing: text.utf8, file: "test.yaml", environment: [:])
    }

    private static func judge(
        _ gate: inout ReloadGate,
        _ new: String,
        over old: String = yaml(),
        at seconds: Int,
        isConfirmed: Bool = false
    ) throws -> ReloadGate.Verdict {
        let (old, new) = (try configuration(old), try configuration(new))
        let gains = AccessComparison(from: old, to: new).gains
        return gate.judge(new, over: old, gains: gains, isConfirmed: isConfirmed, at: .seconds(seconds))
    }

    @Test func `what widens nothing is taken at once, however odd the file`() throws {
        var gate = ReloadGate()
        let narrowing = Self.yaml(allow: "[]").dropLast()
        #expect(try Self.judge(&gate, String(narrowing), at: 0) == .take)
        #expect(!gate.isHolding)
    }

    @Test func `what widens and looks whole is taken at once`() throws {
        var gate = ReloadGate()
        let wider = Self.yaml(allow: "[ { users: [ana@example.com, bob@example.com] } ]")
        #expect(try Self.judge(&gate, wider, at: 0) == .take)
    }

    @Test(arguments: [
        (Self.yaml(allow: nil), Self.yaml(), "has lost its 'allow'"),
        (
            String(Self.yaml(allow: "[ { users: [\"*\"] } ]").dropLast()), Self.yaml(), "does not end with a line end"
        ),
        (
            Self.yaml(), Self.yaml(deny: "bob@example.com", more: String(repeating: "# a long comment\n", count: 40)),
            "smaller than half"
        ),
        (
            // Cut at the end of a line, before its deny list.
            Self.yaml().replacing("access: { team: example, deny: { users: [] } }\n", with: "")
                + "access:\n  team: example\n",
            Self.yaml().replacing("access: { team: example, deny: { users: [] } }\n", with: "")
                + "access:\n  team: example\n  deny: { users: [bob@example.com] }\n",
            "the beginning of the one before"
        ),
    ])
    func `what widens and may be half a file waits until it has been the same for ten seconds`(
        new: String,
        old: String,
        why: String
    ) throws {
        var gate = ReloadGate()
        guard case .hold(let words, let remaining) = try Self.judge(&gate, new, over: old, at: 100) else {
            Issue.record("it is taken")
            return
        }
        #expect(words.contains(why))
        #expect(remaining == .seconds(10))
        #expect(gate.isHolding)
        guard case .hold(_, .seconds(1)) = try Self.judge(&gate, new, over: old, at: 109) else {
            Issue.record("it is taken too early")
            return
        }
        // Another byte begins anew.
        let other = new.hasSuffix("\n") ? String(new.dropLast()) : "# \n" + new
        guard case .hold(_, .seconds(10)) = try Self.judge(&gate, other, over: old, at: 109) else {
            Issue.record("another file is held as the one before it was")
            return
        }
        #expect(try Self.judge(&gate, new, over: old, at: 112) == .hold(why: words, remaining: .seconds(10)))
        #expect(try Self.judge(&gate, new, over: old, at: 122) == .take)
        #expect(!gate.isHolding)
    }

    @Test func `a file that was away in between has not been the same`() throws {
        var gate = ReloadGate()
        let new = Self.yaml(allow: nil)
        _ = try Self.judge(&gate, new, at: 0)
        gate.refused(nil, .invalid)
        #expect(try Self.judge(&gate, new, at: 20) != .take)
    }

    @Test func `where the operator wants to be asked, every wider file waits for the word`() throws {
        var gate = ReloadGate()
        let old = Self.yaml(more: "reload: { widening: confirm }")
        let wider = Self.yaml(
            allow: "[ { users: [ana@example.com, bob@example.com] } ]",
            more: "reload: { widening: confirm }"
        )
        for second in [0, 100, 10_000] {
            guard case .hold(_, nil) = try Self.judge(&gate, wider, over: old, at: second) else {
                Issue.record("it is taken after \(second) s")
                return
            }
        }
        #expect(try Self.judge(&gate, wider, over: old, at: 10_001, isConfirmed: true) == .take)
        // The removal of the confirmation itself needs confirmation, too.
        guard case .hold(_, nil) = try Self.judge(&gate, Self.yaml(), over: old, at: 0) else {
            Issue.record("the question was switched off without one")
            return
        }
    }

    // MARK: - One change, whoever sees it first

    @Test func `a file in force is not taken again by the watch or a signal, and a command always gets its answer`() {
        let gate = ReloadGate()
        #expect(gate.known([1], isInForce: true, to: .change)?.result == .taken)
        #expect(gate.known([1], isInForce: true, to: .signal)?.result == .taken)
        #expect(gate.known([1], isInForce: true, to: .command) == nil)
        #expect(gate.known([1], isInForce: false, to: .change) == nil)
    }

    @Test func `a refused file is told of once, and tried again when somebody asks`() throws {
        var gate = ReloadGate()
        gate.refused([1], .invalid)
        #expect(gate.known([1], isInForce: false, to: .change)?.result == .invalid)
        #expect(gate.known([2], isInForce: false, to: .change) == nil)
        // The store that refused it may be back.
        #expect(gate.known([1], isInForce: false, to: .signal) == nil)
        #expect(gate.known([1], isInForce: false, to: .command) == nil)
        // Another file came between.
        _ = try Self.judge(&gate, Self.yaml(), at: 0)
        #expect(gate.known([1], isInForce: false, to: .change) == nil)
    }
}
