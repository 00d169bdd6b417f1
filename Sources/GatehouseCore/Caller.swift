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

    /// The same caller with other attributes, let in by the rules as they are now.
    package func having(_ attributes: CallerAttributes, _ rules: CallerRules) -> Caller {
        Caller(
            principal: principal,
            attributes: attributes,
            expiresAt: expiresAt,
            keyID: keyID,
            routes: routes,
            rules: rules
        )
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
}

package enum AssertionVerdict {
    case verified(Caller)
    case refused(Reason)
    /// The caller is known, and is refused all the same.
    case barred(Caller, Reason)
    /// Something has to be asked for first: the assertion is verified again when it has come, or has not.
    case undecided(AssertionWait)
}

/// The wait of an undecided verdict, on one event loop: for signing keys, or for the caller's identity.
package final class AssertionWait {
    /// The reason of a request that waits for too long.
    package let orElse: Reason
    /// Requests that wait. Each is an open connection, which the listener bounds.
    private var callbacks: [() -> Void] = []

    package init(orElse: Reason) { self.orElse = orElse }

    /// Calls back once on the same event loop, later, when what is waited for has come or has not. Who asks again then is not kept waiting for the same
    /// thing.
    package func whenSettled(_ callback: @escaping () -> Void) { callbacks.append(callback) }

    package func settle() {
        let callbacks = callbacks
        self.callbacks = []
        for callback in callbacks { callback() }
    }
}
