package import GatehouseCore

/// Where groups and claims come from that an assertion has no room for, and what counts while they cannot be had.
package struct IdentitySettings: Hashable, Sendable {
    /// Time for which an identity is used without being asked for again.
    package static let defaultRefresh: Duration = .seconds(300)
    package static let refreshRange: ClosedRange<Duration> = .seconds(1)...(.seconds(86_400))
    /// How long the last good identity of a sign-in serves while newer ones cannot be fetched.
    package static let defaultMaxStale: Duration = .seconds(3600)
    package static let maxStaleRange: ClosedRange<Duration> = .seconds(1)...(.seconds(7 * 86_400))
    /// The path behind the issuer in the default `url`.
    package static let path = "/cdn-cgi/access/get-identity"

    /// The rule for a person whose identity cannot be had.
    package enum OnFailure: String, Sendable, CaseIterable {
        case deny
        case assertion
    }

    package let url: WebURL
    package let refresh: Duration
    package let maxStale: Duration
    package let onFailure: OnFailure
}
