package import GatehouseCore

/// The issuer whose assertions are believed, and how its keys are kept.
package struct AccessSettings: Hashable, Sendable {
    /// How far clocks may differ.
    package static let defaultClockSkew: Duration = .seconds(30)
    package static let clockSkewRange: ClosedRange<Duration> = .zero...(.seconds(600))
    /// Time between two background refreshes of the keys.
    package static let defaultKeysRefresh: Duration = .seconds(3600)
    package static let keysRefreshRange: ClosedRange<Duration> = .seconds(1)...(.seconds(7 * 86_400))
    /// How long the last good keys serve while the certs URL is down.
    package static let defaultKeysMaxStale: Duration = .seconds(72 * 3600)
    package static let keysMaxStaleRange: ClosedRange<Duration> = .seconds(1)...(.seconds(90 * 86_400))
    package static let callGraceRange: ClosedRange<Duration> = .zero...(.seconds(86_400))
    package static let maxTokenAgeRange: ClosedRange<Duration> = .seconds(1)...(.seconds(365 * 86_400))
    /// The path behind the issuer in the default `certs_url`.
    package static let certsPath = "/cdn-cgi/access/certs"

    package let issuer: Issuer
    package let certsURL: WebURL
    package let clockSkew: Duration
    package let keysRefresh: Duration
    package let keysMaxStale: Duration
    /// A ceiling on the age of `iat`; nil for none.
    package let maxTokenAge: Duration?
    /// How much longer than its assertion the streamed answer to a call may last.
    package let callGrace: Duration
    package let deny: DenyList
    /// The place of a person's groups in the assertion; nil when it is not said.
    package let groups: MemberPath?
    /// Nil where everything comes from the assertion itself.
    package let identity: IdentitySettings?

    /// The same while assertions of another issuer are believed: an endpoint that the file does not name is that issuer's.
    package func identity(of other: Issuer) -> IdentitySettings? {
        guard let identity, other != issuer, identity.url.text == issuer.text + IdentitySettings.path,
            let url = try? WebURL(trusted: other.text + IdentitySettings.path)
        else { return identity }
        return IdentitySettings(
            url: url,
            refresh: identity.refresh,
            maxStale: identity.maxStale,
            onFailure: identity.onFailure
        )
    }
}

/// Principals refused on every route, whatever a grant says.
package struct DenyList: Hashable, Sendable {
    /// Addresses, compared by their form.
    package let users: [Glob]
    package let serviceTokens: [Glob]
    /// `sub` claims.
    package let subjects: [Glob]
    package let groups: [Glob]

    package init(users: [Glob] = [], serviceTokens: [Glob] = [], subjects: [Glob] = [], groups: [Glob] = []) {
        self.users = users
        self.serviceTokens = serviceTokens
        self.subjects = subjects
        self.groups = groups
    }

    package static let nobody = DenyList()

    private func list(_ kind: DenyEntry.Kind) -> [Glob] {
        switch kind {
        case .user: users
        case .serviceToken: serviceTokens
        case .subject: subjects
        case .group: groups
        }
    }

    /// The texts of a list, as the file writes them.
    package func texts(_ kind: DenyEntry.Kind) -> [String] { list(kind).map(\.pattern) }

    /// Whether the list denies all whom an entry names.
    package func holds(_ entry: DenyEntry) -> Bool {
        let glob = entry.kind == .user ? Glob(entry.text).ofAddresses : Glob(entry.text)
        return list(entry.kind).contains { $0.covers(glob) }
    }
}
