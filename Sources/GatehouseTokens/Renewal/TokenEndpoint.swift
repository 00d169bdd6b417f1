internal import CurlClient
package import GatehouseCore

/// A token endpoint (RFC 6749 section 3.2), asked for client credentials or with a refresh token.
package struct TokenEndpoint: TokenIssuer {
    package enum Grant: Sendable {
        case clientCredentials
        case refreshToken
    }

    let url: String
    let grant: Grant
    let client: OAuthClient
    let scopes: [String]
    let audience: String?
    let resource: String?
    let reach: IssuerReach
    let authoritiesFile: String?
    var clock: any WallClock = SystemClock()
    var send = IssuerRequest.curl

    package init(
        _ url: String,
        _ grant: Grant,
        client: OAuthClient,
        scopes: [String] = [],
        audience: String? = nil,
        resource: String? = nil,
        reach: IssuerReach = .configured,
        authoritiesFile: String? = nil
    ) {
        self.url = url
        self.grant = grant
        self.client = client
        self.scopes = scopes
        self.audience = audience
        self.resource = resource
        self.reach = reach
        self.authoritiesFile = authoritiesFile
    }

    package var needsSeed: Bool { grant == .refreshToken }

    package func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
        var form = ClientForm()
        switch grant {
        case .clientCredentials: form.add("grant_type", "client_credentials")
        case .refreshToken:
            form.add("grant_type", "refresh_token")
            form.add("refresh_token", refresh)
        }
        if !scopes.isEmpty { form.add("scope", scopes.joined(separator: " ")) }
        form.add("audience", audience)
        // RFC 8707.
        form.add("resource", resource)
        let (answer, sentAt) = try await answer(to: form)
        return try answer.grant(after: refresh, seed: seed, sentAt: sentAt)
    }

    /// Sends a form of any grant.
    ///
    /// - Returns: the answer of a 2xx, and when it was asked for.
    func answer(to form: ClientForm) async throws(RenewalFailure) -> (answer: TokenAnswer, sentAt: Timestamp) {
        let request = try form.request(to: url, by: client, reach: reach, authoritiesFile: authoritiesFile)
        let sentAt = clock.now()
        let response: CurlResponse
        do throws(CurlError) { response = try await send(request) } catch {
            throw RenewalFailure(.unavailable, "the token endpoint does not answer: \(error.message)")
        }
        switch response.status {
        case 200..<300: break
        case 300..<400:
            throw RenewalFailure(
                .unavailable,
                "the token endpoint redirects (\(response.status)), which is not followed with credentials",
                hint: "token_url is the address that it redirects to, if that is the server's own"
            )
        case _: throw TokenAnswer.failure(response)
        }
        guard let answer = TokenAnswer(response.body) else {
            throw RenewalFailure(.unavailable, "the answer of the token endpoint is no JSON object")
        }
        return (answer, sentAt)
    }
}
