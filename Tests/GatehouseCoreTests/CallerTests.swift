import GatehouseCore
import Synchronization
import Testing

@Suite struct ACaller {
    private static let end = Timestamp(seconds: 1_795_424_400)
    private let before = end + .seconds(-1)
    private let rules = CallerRules()

    private func caller(_ name: String) -> Caller {
        Caller(principal: Principal(kind: .user, name: name), expiresAt: Self.end, keyID: "k", rules: rules)
    }

    @Test func `has ended with its credential, or when that is taken back`() {
        let one = caller("ann")
        #expect(!one.isShutOut)
        one.revoke()
        #expect(one.isShutOut)
    }

    @Test func `is out as soon as the rules are against it, and stays out`() {
        let ann = caller("ann")
        let bob = caller("bob")
        rules.changed { $0.principal.name != "ann" }
        #expect(ann.isShutOut && !bob.isShutOut)
        rules.changed { _ in true }
        #expect(ann.isShutOut && !bob.isShutOut)
        #expect(!caller("ann").isShutOut, "one that is let in anew is another one")
    }

    @Test func `is out with all who were let in before`() {
        let old = caller("ann")
        rules.changedForAll()
        let new = caller("ann")
        // Later changes do not admit the old callers again.
        rules.changed { _ in true }
        #expect(old.isShutOut && !new.isShutOut)
    }

    @Test func `is judged once for each change`() {
        let ann = caller("ann")
        let judged = Mutex(0)
        rules.changed { _ in
            judged.withLock { $0 += 1 }
            return true
        }
        for _ in 0..<5 { #expect(!ann.isShutOut) }
        #expect(judged.withLock { $0 } == 1)
    }

    @Test func `that no rules concern stays`() {
        let bearer = Caller(principal: Principal(kind: .bearer, name: "night"), expiresAt: Self.end, keyID: "")
        rules.changedForAll()
        #expect(!bearer.isShutOut)
    }
}
