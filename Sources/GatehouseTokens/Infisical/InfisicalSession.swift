internal import CurlClient
internal import GatehouseCore

/// Signs in as a machine identity (universal auth) and sends requests with its access token, which is renewed before it runs out and
/// replaced when the server takes it no longer.
actor InfisicalSession {
    /// The part of an access token's life after which it is renewed.
    static let renewAfter = 0.75
    /// A 429 that asks for no more than this is waited out; a longer one is an error, and nothing is sent before its time.
    static let longestWait: Duration = .seconds(10)
    /// The delay assumed for a 429 whose own delay cannot be read.
    static let defaultDelay: Duration = .seconds(5)
    static let requestTimeout: Duration = .seconds(10)
    static let maximumBody = 16 << 20

    typealias Send = @Sendable (CurlRequest) async throws(CurlError) -> CurlResponse

    private struct Grant {
        let secret: Secret
        let renewAt: Duration
        let expiresAt: Duration
    }

    let place: InfisicalPlace
    private let send: Send
    private let surroundings: TokenRefresher.Surroundings
    private var grant: Grant?
    /// Signing in or renewing: those who come meanwhile wait for the same.
    private var signingIn: Task<Result<Secret, TokenError>, Never>?
    /// Nothing is sent before: the server has said so.
    private var notBefore: Duration = .zero

    init(
        _ place: InfisicalPlace,
        surroundings: TokenRefresher.Surroundings,
        send: @escaping Send = { request throws(CurlError) in try await CurlClient().perform(request) }
    ) {
        self.place = place
        self.surroundings = surroundings
        self.send = send
    }

    /// Sends a request as the machine identity. A token that the server takes no longer, as after a restart of it, is replaced once.
    ///
    /// - Returns: an answer of any status but 401, 403, 422, 429 and 5xx, which are errors.
    func call(_ method: String, _ target: String, body: CurlBody? = nil) async throws(TokenError) -> CurlResponse {
        let first = try await bearer()
        var response = try await perform(method, target, body, as: first)
        if response.status == 401 {
            if grant?.secret === first { grant = nil }
            response = try await perform(method, target, body, as: try await bearer())
        }
        switch response.status {
        case 401: throw refused("the access token that was just issued is not taken", nil)
        case 403:
            throw refused(
                "the machine identity may not do this",
                "give it a role in the project that may read, and where needed write, this folder"
            )
        case 422: throw TokenError(.invalidValue, "infisical: the request is refused as invalid (422)")
        case 500...: throw refused("the server answers \(response.status)", nil)
        case _: return response
        }
    }

    // MARK: - Signing in

    private func bearer() async throws(TokenError) -> Secret {
        if let grant, surroundings.uptime() < grant.renewAt { return grant.secret }
        if let signingIn { return try await signingIn.value.get() }
        let task = Task { await self.obtain() }
        signingIn = task
        let outcome = await task.value
        signingIn = nil
        return try outcome.get()
    }

    private func obtain() async -> Result<Secret, TokenError> {
        do throws(TokenError) {
            if let grant, surroundings.uptime() < grant.expiresAt {
                let body = InfisicalBody.object([], secrets: [("accessToken", grant.secret)])
                if let renewed = try? await ask("/api/v1/auth/token/renew", body, else: grant.secret) {
                    return .success(renewed)
                }
            }
            grant = nil
            let body = InfisicalBody.object(
                [],
                secrets: [
                    ("clientId", try credential(place.clientID)), ("clientSecret", try credential(place.clientSecret)),
                ]
            )
            return .success(try await ask("/api/v1/auth/universal-auth/login", body, else: nil))
        } catch {
            return .failure(error)
        }
    }

    /// - Parameter old: the token that is renewed, which the answer may leave out.
    private func ask(_ target: String, _ body: CurlBody, else old: Secret?) async throws(TokenError) -> Secret {
        let sentAt = surroundings.uptime()
        let response = try await perform("POST", target, body, as: nil)
        guard response.status == 200 else {
            throw refused(
                "signing in is refused (\(response.status))",
                "check client_id and client_secret, and that the identity's client secret is not used up or expired"
            )
        }
        let answer = try InfisicalAnswer.grant(response.body)
        guard let secret = answer.accessToken ?? old else { throw .malformedAnswer }
        // It goes into a header.
        do throws(InvalidValue) { _ = try TokenValue(validating: secret, version: 1) } catch { throw .malformedAnswer }
        // 0 is a token that does not run out.
        let life: Duration = .seconds(answer.expiresIn > 0 ? answer.expiresIn : 86_400)
        grant = Grant(secret: secret, renewAt: sentAt + life * Self.renewAfter, expiresAt: sentAt + life)
        return secret
    }

    private func credential(_ source: SecretSource) throws(TokenError) -> Secret {
        do throws(InvalidValue) {
            let secret = try source.read()
            _ = try TokenValue(validating: secret, version: 1)
            return secret
        } catch {
            throw TokenError(.configuration, "\(source): \(error.message)", underlying: error)
        }
    }

    // MARK: - Sending

    private func perform(
        _ method: String,
        _ target: String,
        _ body: CurlBody?,
        as bearer: Secret?
    ) async throws(TokenError) -> CurlResponse {
        var request = CurlRequest(place.site + target, method: method, body: body)
        request.timeout = Self.requestTimeout
        request.maximumBody = Self.maximumBody
        request.authoritiesFile = place.authoritiesFile
        request.headers = [CurlHeader("Accept", "application/json")]
        if body != nil { request.headers.append(CurlHeader("Content-Type", "application/json")) }
        if let bearer {
            request.headers.append(
                CurlHeader("Authorization", prefix: "Bearer ") { use in bearer.withUnsafeBytes { use($0) } }
            )
        }
        // Once more after a short wait that the server asks for.
        for attempt in 0..<2 {
            let wait = notBefore - surroundings.uptime()
            if wait > .zero {
                guard wait <= Self.longestWait else { throw limited(wait) }
                do { try await surroundings.sleep(wait) } catch { throw limited(wait) }
            }
            let response: CurlResponse
            do throws(CurlError) { response = try await send(request) } catch {
                throw TokenError(
                    .unavailable,
                    "infisical: \(place.site): \(error.message)",
                    hint: error.code == .tls ? "for a certificate of your own authority, set ca to its PEM file" : nil,
                    underlying: error
                )
            }
            guard response.status == 429 else { return response }
            let delay = InfisicalAnswer.delay(response.body) ?? Self.defaultDelay
            notBefore = surroundings.uptime() + delay
            if attempt > 0 { throw limited(delay) }
        }
        throw limited(Self.defaultDelay)
    }

    private func limited(_ wait: Duration) -> TokenError {
        refused("too many requests: the server asks for a pause of \(wait.components.seconds + 1) s", nil)
    }

    private func refused(_ what: String, _ hint: String?) -> TokenError {
        TokenError(.unavailable, "infisical: \(what)", hint: hint)
    }
}

extension TokenError {
    static var malformedAnswer: TokenError {
        TokenError(
            .unavailable,
            "infisical: the answer is not what its API says",
            hint: "is `site` an Infisical server?"
        )
    }
}
