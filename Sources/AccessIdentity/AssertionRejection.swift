/// Why an assertion does not establish anyone. The raw value is what logs, metrics and audit rows say.
///
/// Tell callers no more than "not authenticated": which check failed helps only those who probe.
public enum AssertionRejection: String, Error, Hashable, Sendable, CaseIterable {
    /// The request has no assertion field.
    case missing = "assertion_missing"
    /// The request has two assertion fields, or one whose value holds a comma: a list of several.
    case duplicate = "assertion_duplicate"
    /// Too long, not three parts of strict base64url, header or payload not strict JSON, a `crit` or `b64` header, a time
    /// claim that is absent or not an integer, or not exactly one usable principal.
    case malformed = "assertion_malformed"
    /// `alg` is not exactly `RS256`.
    case algorithm = "assertion_algorithm"
    /// No usable key has this `kid`.
    case keyUnknown = "assertion_key_unknown"
    /// The signature does not hold.
    case signature = "assertion_signature"
    /// `type` is not `app`: the same keys sign tokens that are handed to unauthenticated callers.
    case type = "assertion_type"
    /// `iss` is not exactly the policy's issuer.
    case issuer = "assertion_issuer"
    /// `aud` is no string or array of strings, or has none of the wanted audiences.
    case audience = "assertion_audience"
    /// `exp` is past.
    case expired = "assertion_expired"
    /// `iat` or `nbf` is in the future.
    case notYetValid = "assertion_not_yet_valid"
    /// `iat` is longer ago than the policy's ``AccessPolicy/maximumTokenAge``.
    case tooOld = "assertion_too_old"
    /// The principal is on one of the policy's deny lists.
    case denied = "assertion_denied"
}
