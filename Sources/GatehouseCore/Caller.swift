internal import Synchronization

/// A caller whose credential was verified: shared by every request that carries the same one.
package final class Caller: Sendable {
    package let principal: Principal
    /// The owner of the caller's personal tokens; nil for who can have none.
    package let owner: TokenOwner?
    package let attributes: CallerAttributes
    /// When the credential ends; a stream opened with it is ended then.
    package let expiresAt: Timestamp
    /// The `kid` of the key that signed the assertion; empty for a bearer.
    package let keyID: String
    /// The routes that the credential itself names; nil for an assertion, whose audience says it.
    private let routes: Set<RouteName>?
    private let revoked = Atomic(false)
    private let rules: CallerRules?
    /// The change of the rules under which the caller was let in, and the last one that it was held against.
    private let letInAt: Int
    private let heldAgainst: Atomic<Int>

    /// - Parameter rules: those that let the caller in, for one that may be out when they change.
    package init(
        principal: Principal,
        attributes: CallerAttributes = .none,
        expiresAt: Timestamp,
        keyID: String,
        routes: Set<RouteName>? = nil,
        rules: CallerRules? = nil
    ) {
        self.principal = principal
        owner = TokenOwner(principal)
        self.attributes = attributes
        self.expiresAt = expiresAt
        self.keyID = keyID
        self.routes = routes
        self.rules = rules
        letInAt = rules?.changes ?? 0
        heldAgainst = Atomic(letInAt)
    }

    package func mayUse(_ route: RouteName) -> Bool { routes?.contains(route) ?? true }

    /// The credential was taken back: streams opened with it end now.
    package func revoke() { revoked.store(true, ordering: .relaxed) }
    package var isRevoked: Bool { revoked.load(ordering: .relaxed) }

    /// Whether the caller is let in no more, whatever its credential says: all that was opened with it ends at once.
    package var isShutOut: Bool { isRevoked || isOut }

    /// Whether the rules have changed and let the caller in no more: then never again.
    private var isOut: Bool {
        guard let rules else { return false }
        let changes = rules.changes
        guard heldAgainst.load(ordering: .relaxed) != changes else { return false }
        heldAgainst.store(changes, ordering: .relaxed)
        if rules.admits(self, from: letInAt) { return false }
        revoke()
        return true
    }
}

/// Establishes callers from credentials. One instance serves one event loop and is used on it only.
package protocol AssertionAuthenticator: AnyObject {
    /// Verifies the value of the one assertion field of a request.
    ///
    /// - Parameter assertion: the field's value without surrounding whitespace, valid during the call only.
    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict

    /// Looks a break-glass credential up. Never undecided.
    ///
    /// - Parameter bearer: what follows `Bearer ` in the request's `Authorization`, valid during the call only.
    func authenticate(bearer: UnsafeRawBufferPointer, now: Timestamp) -> AssertionVerdict

    /// Asks once to be called back, on the same event loop, when the key refresh that an `.undecided` verdict waits for has
    /// ended, well or not; then the assertion is verified again and never undecided a second time.
    func whenKeysSettle(_ callback: @escaping () -> Void)
}

package enum AssertionVerdict {
    case verified(Caller)
    case refused(Reason)
    /// The key is not known and a refresh is under way: ask again through `whenKeysSettle`.
    case undecided
}
