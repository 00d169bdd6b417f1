internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore

/// The rules by which assertions become callers: what an assertion must satisfy, and where the groups come from that it has no room for.
struct AccessRules: Sendable {
    let policy: AccessPolicy
    /// Nil where nobody's identity is fetched.
    let identities: Identities?
    /// Whether it is known whom operators deny by command. Until then nobody is let in by an assertion: it could be one of them.
    let knowsDenials: Bool

    init(policy: AccessPolicy, identities: Identities? = nil, knowsDenials: Bool = true) {
        self.policy = policy
        self.identities = identities
        self.knowsDenials = knowsDenials
    }

    /// The same with the deny entries of the store; nil while they were never read.
    func denying(_ made: DenyBook?) -> AccessRules {
        AccessRules(
            policy: policy.denying(made ?? DenyBook()),
            identities: identities,
            knowsDenials: made != nil
        )
    }

    /// How identities are fetched. Two of the same source are the same rules.
    struct Identities: Sendable {
        let source: IdentitySource
        let settings: IdentitySettings

        /// Whether a request needs its caller's identity: a deny list of groups holds everywhere.
        func isNeeded(on route: Route, _ policy: AccessPolicy) -> Bool {
            route.asksAttributes || !policy.denied.groups.isEmpty
        }
    }

    /// Whether groups come from the same place: otherwise nothing says whether the lists name those who were let in before.
    func readsGroups(as other: AccessRules) -> Bool {
        policy.wanted.groups == other.policy.wanted.groups
            && identities?.settings.url == other.identities?.settings.url
    }

    /// Whether callers have the same attributes.
    func hasSameAttributes(as other: AccessRules) -> Bool {
        policy.wanted == other.policy.wanted && identities?.source === other.identities?.source
            && identities?.settings == other.identities?.settings
    }
}
