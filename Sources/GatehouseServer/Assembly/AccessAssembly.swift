internal import AccessIdentity
internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore

/// Makes what verifies assertions from the `access` section.
enum AccessAssembly {
    /// - Parameter issuer: whose keys are in use, when it is not the one that the settings name.
    static func policy(_ access: AccessSettings, issuer: Issuer? = nil) -> AccessPolicy {
        AccessPolicy(
            issuer: (issuer ?? access.issuer).text,
            clockSkew: access.clockSkew.microseconds / 1_000_000,
            maximumTokenAge: access.maxTokenAge.map { $0.microseconds / 1_000_000 },
            denied: AccessPolicy.Denied(
                users: Set(access.deny.users.map(\.pattern)),
                serviceTokens: Set(access.deny.serviceTokens.map(\.pattern)),
                subjects: Set(access.deny.subjects.map(\.pattern))
            )
        )
    }

    static func source(
        _ configuration: Configuration,
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
            fetch: fetch,
            onChange: onChange
        )
    }

    static let fetch: SigningKeySource.Fetch = { url in
        var request = CurlRequest(url)
        request.maximumBody = SigningKeySource.maximumResponseBytes
        let response = try await CurlClient().perform(request)
        guard response.status == 200 else {
            throw answer(response.status)
        }
        return response.body.bytes
    }

    static func answer(_ status: Int) -> GatehouseError { GatehouseError(.unusable, "it answers \(status)") }

    /// What ``SigningKeySource`` says of an error that ``fetch`` threw.
    static func fetchFailure(_ error: any Error) -> AccessIdentityError {
        AccessIdentityError(.fetchFailed, "the signing keys could not be fetched", underlying: error)
    }
}
