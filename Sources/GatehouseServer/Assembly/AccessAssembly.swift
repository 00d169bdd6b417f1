package import AccessIdentity
internal import CurlClient
package import GatehouseConfig
package import GatehouseCore

/// Makes what verifies assertions from the `access` section.
package enum AccessAssembly {
    /// - Parameter issuer: whose keys are in use, when it is not the one that the file names.
    package static func policy(_ configuration: Configuration, issuer: Issuer? = nil) -> AccessPolicy {
        let access = configuration.access
        return AccessPolicy(
            (issuer ?? access.issuer).text,
            access.clockSkew.microseconds / 1_000_000,
            access.maxTokenAge.map { $0.microseconds / 1_000_000 },
            denied(access.deny),
            wanted: wanted(configuration)
        )
    }

    /// The claim that names the session behind an assertion.
    static let nonceClaim = MemberPath.root.appending(SignIn.nonceClaim)

    /// The claims that are read of an assertion. An identity that is fetched belongs to a session, which the assertion names.
    private static func wanted(_ configuration: Configuration) -> CallerAttributes.Wanted {
        let wanted = configuration.wantedAttributes
        guard configuration.access.identity != nil, !wanted.isNothing else { return wanted }
        return CallerAttributes.Wanted(groups: wanted.groups, claims: wanted.claims.union([nonceClaim]))
    }

    static func denied(_ list: DenyList) -> AccessPolicy.Denied {
        AccessPolicy.Denied(
            Set(list.users.map(\.pattern)),
            Set(list.serviceTokens.map(\.pattern)),
            Set(list.subjects.map(\.pattern)),
            groups: Set(list.groups.map(\.pattern))
        )
    }

    package static func source(
        _ configuration: Configuration,
        clock: CertsClock,
        onChange: @escaping SigningKeySource.OnChange
    ) throws -> SigningKeySource {
        let access = configuration.access
        return SigningKeySource(
            options: SigningKeySource.Options(
                url: try SigningKeysURL(access.certsURL.text),
                refreshInterval: access.keysRefresh.microseconds / 1_000_000,
                maximumStaleness: access.keysMaxStale.microseconds / 1_000_000,
                path: configuration.audit.spool + "/signing-keys.json"
            ),
            fetch: { url in try await fetch(url, onClock: clock.read) },
            onChange: onChange
        )
    }

    /// - Parameter onClock: called with the server's time, also when it has no keys to give.
    package static func fetch(_ url: String, onClock: (ClockReading) -> Void = { _ in }) async throws -> [UInt8] {
        let asked = ContinuousClock.now
        var request = CurlRequest(url)
        request.maximumBody = SigningKeySource.maximumResponseBytes
        let response = try await CurlClient().perform(request)
        if let reading = ClockReading(response, asked: asked) { onClock(reading) }
        guard response.status == 200 else {
            throw answer(response.status)
        }
        return response.body.bytes
    }

    /// How far this machine's clock is ahead of the certs server's; nil when that cannot be asked now.
    package static func certsLead(_ configuration: Configuration) async -> Duration? {
        guard !configuration.unread.contains(.access) else { return nil }
        let clock = CertsClock()
        _ = try? await fetch(configuration.access.certsURL.text, onClock: clock.read)
        return clock.lead(at: SystemClock().now())
    }

    package static func answer(_ status: Int) -> GatehouseError { GatehouseError(.unusable, "it answers \(status)") }

    /// The error that ``SigningKeySource`` reports for an error thrown by ``fetch(_:onClock:)``.
    package static func fetchFailure(_ error: any Error) -> AccessIdentityError {
        AccessIdentityError(.fetchFailed, "the signing keys could not be fetched", underlying: error)
    }
}
