package import GatehouseCore

/// The identity in an assertion, once every check has passed. Immutable, and shared by all requests that carry the same assertion.
public final class VerifiedAssertion: Sendable {
    /// The kind of principal that Access signed in.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A person; the assertion carries `email`.
        case user
        /// A service token; the assertion carries `common_name`.
        case service
    }

    public let kind: Kind
    /// The e-mail address of a person, the client id of a service token. Never empty, no control characters.
    public let name: String
    /// The `sub` claim. Empty for service tokens, so it alone does not distinguish principals.
    public let subject: String
    /// The groups and claims that the policy asks for.
    package let attributes: CallerAttributes
    /// The `aud` claim, in its order.
    public let audiences: [String]
    /// The `iat` claim, in seconds since 1970.
    public let issuedAt: Int64
    /// The `nbf` claim, in seconds since 1970; service tokens often have none.
    public let notBefore: Int64?
    /// The `exp` claim, in seconds since 1970, without clock skew.
    public let expiresAt: Int64
    /// The `kid` of the key that signed.
    public let keyID: String
    /// The object that the verifier's `attach` closure made for this assertion.
    public let attachment: (any AnyObject & Sendable)?

    init(_ claims: borrowing VerifiedClaims, attachment: (any AnyObject & Sendable)? = nil) {
        kind = claims.kind
        name = claims.name
        subject = claims.subject
        attributes = claims.attributes
        audiences = claims.audiences
        issuedAt = claims.times.issuedAt
        notBefore = claims.times.notBefore
        expiresAt = claims.times.expiresAt
        keyID = claims.keyID
        self.attachment = attachment
    }

    private init(_ assertion: VerifiedAssertion, attachment: any AnyObject & Sendable) {
        kind = assertion.kind
        name = assertion.name
        subject = assertion.subject
        attributes = assertion.attributes
        audiences = assertion.audiences
        issuedAt = assertion.issuedAt
        notBefore = assertion.notBefore
        expiresAt = assertion.expiresAt
        keyID = assertion.keyID
        self.attachment = attachment
    }

    func attaching(_ attachment: any AnyObject & Sendable) -> VerifiedAssertion {
        VerifiedAssertion(self, attachment: attachment)
    }

    var times: AssertionTimes {
        AssertionTimes(expiresAt: expiresAt, issuedAt: issuedAt, notBefore: notBefore)
    }
}

/// The claims that the pipeline hands on when every step passed.
struct VerifiedClaims {
    let kind: VerifiedAssertion.Kind
    let name: String
    let subject: String
    let attributes: CallerAttributes
    let audiences: [String]
    let times: AssertionTimes
    let keyID: String
}
