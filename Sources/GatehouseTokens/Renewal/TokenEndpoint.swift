internal import CurlClient
package import GatehouseCore
internal import Glibc

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
        authoritiesFile: String? = nil
    ) {
        self.url = url
        self.grant = grant
        self.client = client
        self.scopes = scopes
        self.audience = audience
        self.resource = resource
        self.authoritiesFile = authoritiesFile
    }

    package var needsSeed: Bool { grant == .refreshToken }

    package func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
        let secret = try clientSecret()
        var request = IssuerRequest.post(url, body(refresh, secret), authoritiesFile: authoritiesFile)
        request.headers = [
            CurlHeader("Accept", "application/json"), CurlHeader("Content-Type", "application/x-www-form-urlencoded"),
        ]
        if client.authentication == .basic, let secret { request.headers.append(Self.basic(client.id, secret)) }
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
        return try answer.grant(after: refresh, seed: seed, sentAt: sentAt)
    }

    private func clientSecret() throws(RenewalFailure) -> Secret? {
        guard let source = client.secret else { return nil }
        do throws(InvalidValue) { return try source.secret() } catch {
            throw RenewalFailure(.unavailable, "the client's secret: \(error.message)")
        }
    }

    private func body(_ refresh: Secret?, _ secret: Secret?) -> CurlBody {
        let texts = [client.id, audience ?? "", resource ?? ""] + scopes
        let room = texts.reduce(256) { $0 + 3 * $1.utf8.count + 3 } + 3 * ((refresh?.count ?? 0) + (secret?.count ?? 0))
        var form = FormBody(reserving: room)
        switch grant {
        case .clientCredentials: form.add("grant_type", "client_credentials")
        case .refreshToken:
            form.add("grant_type", "refresh_token")
            if let refresh { form.add("refresh_token", refresh) }
        }
        if !scopes.isEmpty { form.add("scope", scopes.joined(separator: " ")) }
        if let audience { form.add("audience", audience) }
        // RFC 8707.
        if let resource { form.add("resource", resource) }
        if client.authentication != .basic { form.add("client_id", client.id) }
        if client.authentication == .post, let secret { form.add("client_secret", secret) }
        return form.body()
    }

    /// RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    private static func basic(_ id: String, _ secret: Secret) -> CurlHeader {
        CurlHeader("Authorization", prefix: "Basic ") { use in
            var joined: [UInt8] = []
            joined.reserveCapacity(3 * (id.utf8.count + secret.count) + 1)
            for byte in id.utf8 { FormBody.append(byte, to: &joined) }
            joined.append(UInt8(ascii: ":"))
            secret.withUnsafeBytes { for byte in $0 { FormBody.append(byte, to: &joined) } }
            let encoded = Secret(Base64.encode(joined))
            joined.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } }
            encoded.withUnsafeBytes { use($0) }
        }
    }
}
