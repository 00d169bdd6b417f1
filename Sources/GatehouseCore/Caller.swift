/// A caller whose credential was verified: shared by every request that carries the same one.
package final class Caller: Sendable {
    package let principal: Principal
    /// When the credential ends; a stream opened with it is ended then.
    package let expiresAt: Timestamp
    /// The `kid` of the key that signed the assertion; empty for a bearer.
    package let keyID: String

    package init(principal: Principal, expiresAt: Timestamp, keyID: String) {
        self.principal = principal
        self.expiresAt = expiresAt
        self.keyID = keyID
    }
}

/// Establishes callers from assertions. One instance serves one event loop and is used on it only.
package protocol AssertionAuthenticator: AnyObject {
    /// Verifies the value of the one assertion field of a request.
    ///
    /// - Parameter assertion: the field's value without surrounding whitespace, valid during the call only.
    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict

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
