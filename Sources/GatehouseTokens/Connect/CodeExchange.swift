internal import CurlClient
internal import GatehouseCore

/// Exchanges a code for a grant (RFC 6749 section 4.1.3), with the verifier that proves that Gatehouse asked for it (RFC 7636 section 4.5).
struct CodeExchange: Sendable {
    /// Until the vendor has said as whom somebody is known to it; without an answer nothing is known.
    static let accountTimeout: Duration = .seconds(5)

    let pending: PendingAuthorization
    let client: OAuthClient
    let reach: IssuerReach
    let authoritiesFile: String?
    let clock: any WallClock
    var send = IssuerRequest.curl

    func grant(for code: Secret, email: String) async throws(ConnectFailure) -> TokenGrant {
        var form = ClientForm()
        form.add("grant_type", "authorization_code")
        form.add("code", code)
        form.add("redirect_uri", pending.redirect)
        form.add("code_verifier", pending.verifier.text)
        form.add("resource", pending.resource)
        var endpoint = TokenEndpoint(
            pending.server.tokenURL,
            .refreshToken,
            client: client,
            reach: reach,
            authoritiesFile: authoritiesFile
        )
        endpoint.clock = clock
        endpoint.send = send
        let grant: TokenGrant
        let answer: TokenAnswer
        do throws(RenewalFailure) {
            let sentAt: Timestamp
            (answer, sentAt) = try await endpoint.answer(to: form)
            grant = try answer.grant(after: nil, seed: nil, sentAt: sentAt)
        } catch {
            throw ConnectFailure(error)
        }
        var account = answer.account
        if account == nil { account = await self.account(grant.access) }
        return grant.of(
            GrantPerson(email: email, account: account ?? "", connectedAt: grant.issuedAt, server: pending.server)
        )
    }

    /// The answer of `userinfo` (OpenID Connect Core 1.0 section 5.3); nil where there is none, for whatever reason.
    private func account(_ access: Secret) async -> String? {
        guard let url = pending.userinfoURL else { return nil }
        var request = IssuerRequest.get(url, reach: reach, authoritiesFile: authoritiesFile)
        request.timeout = Self.accountTimeout
        request.headers.append(
            CurlHeader("Authorization", prefix: "Bearer ") { use in access.withUnsafeBytes { use($0) } }
        )
        guard let response = try? await send(request), response.status == 200 else { return nil }
        return JSONValue(parsing: response.body.bytes).flatMap { AccountName.named(by: $0) }
    }
}
