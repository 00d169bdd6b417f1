internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore

/// The rules by which assertions become callers: what an assertion must satisfy, and where the groups come from that it has no room for.
struct AccessRules: Sendable {
    let policy: AccessPolicy
    /// Nil where nobody's identity is fetched.
    let identities: Identities?

    init(policy: AccessPolicy, identities: Identities? = nil) {
        self.policy = policy
        self.identities = identities
    }

    /// How identities are fetched. Two of the same source are the same rules.
    struct Identities: Sendable {
        let source: IdentitySource
        let onFailure: IdentitySettings.OnFailure

        /// Whether a request needs its caller's identity: a deny list of groups holds everywhere.
        func isNeeded(on route: Route, _ policy: AccessPolicy) -> Bool {
            route.asksAttributes || !policy.denied.groups.isEmpty
        }
    }

    /// Whether groups and claims come from the same places: otherwise nothing says whether the lists name those who were let in before.
    func hasSameAttributes(as other: AccessRules) -> Bool {
        policy.wanted == other.policy.wanted && identities?.source === other.identities?.source
            && identities?.onFailure == other.identities?.onFailure
    }
}
