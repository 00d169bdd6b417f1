package import GatehouseCore

extension AccessPolicy {
    /// The same, with what operators deny by command beside what the file denies.
    package func denying(_ made: DenyBook) -> AccessPolicy {
        guard !made.entries.isEmpty else { return self }
        return AccessPolicy(issuer, clockSkew, maximumTokenAge, denied.union(made), wanted: wanted)
    }
}

extension AccessPolicy.Denied {
    package func union(_ made: DenyBook) -> AccessPolicy.Denied {
        AccessPolicy.Denied(
            users.union(made.texts(.user)),
            serviceTokens.union(made.texts(.serviceToken)),
            subjects.union(made.texts(.subject)),
            groups: groups.union(made.texts(.group))
        )
    }
}
