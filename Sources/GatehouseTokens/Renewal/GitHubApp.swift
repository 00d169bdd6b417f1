internal import Crypto
internal import CryptoExtras
internal import CurlClient
internal import FoundationEssentials
package import GatehouseCore

/// An installation of a GitHub App: its tokens last an hour and are asked for with an assertion that the app's own key signs.
///
/// Source: docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App" and "Create an installation access token for an app".
package struct GitHubApp: TokenIssuer {
    /// GitHub takes at most ten minutes.
    static let assertionLifetime: Duration = .seconds(9 * 60)
    /// How far the assertion's `iat` lies back, for clocks that differ, as GitHub recommends.
    static let skew: Duration = .seconds(60)
    static let version = "2022-11-28"

    /// The app's id, or its client id.
    let app: String
    let installation: String
    let privateKey: SecretSource
    let api: String
    let authoritiesFile: String?
    var clock: any WallClock = SystemClock()
    var send = IssuerRequest.curl

    /// - Parameter api: without a slash at its end.
    package init(
        app: String,
        installation: String,
        privateKey: SecretSource,
        api: String,
        authoritiesFile: String? = nil
    ) {
        self.app = app
        self.installation = installation
        self.privateKey = privateKey
        self.api = api
        self.authoritiesFile = authoritiesFile
    }

    package var needsSeed: Bool { false }

    package func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
        let sentAt = clock.now()
        let assertion = try assertion(at: sentAt)
        let url = "\(api)/app/installations/\(installation)/access_tokens"
        var request = IssuerRequest.post(url, CurlBody(""), authoritiesFile: authoritiesFile)
        request.headers = [
            CurlHeader("Accept", "application/vnd.github+json"), CurlHeader("X-GitHub-Api-Version", Self.version),
            CurlHeader("Authorization", prefix: "Bearer ") { use in assertion.withUnsafeBytes { use($0) } },
        ]
        let response: CurlResponse
        do throws(CurlError) { response = try await send(request) } catch {
            throw RenewalFailure(.unavailable, "GitHub does not answer: \(error.message)")
        }
        guard response.status == 201 else { throw failure(response) }
        guard let answer = TokenAnswer(response.body) else {
            throw RenewalFailure(.unavailable, "GitHub's answer is no JSON object")
        }
        return try answer.grant(after: nil, seed: seed, sentAt: sentAt)
    }

    private func failure(_ response: CurlResponse) -> RenewalFailure {
        // "Rate limits for the REST API": a limit that is reached is a 403 or a 429, and says so in one of these fields.
        let isLimited = response.header("Retry-After") != nil || response.header("X-RateLimit-Remaining") == "0"
        return switch response.status {
        case 404:
            RenewalFailure(
                .ended,
                "GitHub knows no installation \(installation) of this app",
                hint: "install the app for the organisation, and take the number from the address of its settings"
            )
        case 403 where !isLimited:
            RenewalFailure(
                .ended,
                "GitHub refuses the installation \(installation) (403): is it suspended?",
                hint: "an owner of the organisation lifts that"
            )
        case 401:
            RenewalFailure(
                .unavailable,
                "GitHub does not take the app's key (401)",
                hint: "check app and private_key, and the clock of this machine"
            )
        case _: TokenAnswer.failure(response)
        }
    }

    /// RS256, as GitHub asks for.
    private func assertion(at now: Timestamp) throws(RenewalFailure) -> Secret {
        let pem: Secret
        do throws(InvalidValue) { pem = try privateKey.read() } catch {
            throw RenewalFailure(.unavailable, "the app's private key: \(error.message)")
        }
        var claims = JSONText()
        claims.object { claims in
            claims.number("iat", (now + (.zero - Self.skew)).seconds)
            claims.number("exp", (now + Self.assertionLifetime).seconds)
            claims.string("iss", app)
        }
        let header = #"{"alg":"RS256","typ":"JWT"}"#
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(claims.bytes)
        do {
            let key = try _RSA.Signing.PrivateKey(
                pemRepresentation: pem.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            )
            let signature = try key.signature(
                for: SHA256.hash(data: Array(signed.utf8)),
                padding: .insecurePKCS1v1_5
            )
            return Secret(signed + "." + Base64URL.encode(Array(signature.rawRepresentation)))
        } catch {
            // What the library says of it could quote the key.
            throw RenewalFailure(
                .unavailable,
                "the app's private key is no RSA key in PEM form",
                hint: "the file that GitHub gives for download, as it is"
            )
        }
    }
}
