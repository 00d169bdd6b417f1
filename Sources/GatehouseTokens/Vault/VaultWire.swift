internal import CurlClient
internal import GatehouseCore

/// Requests to Vault, and what each can meet on its way: a standby that names the active node, a sealed server, a limit of requests.
actor VaultWire {
    static let requestTimeout: Duration = .seconds(10)
    /// Time of the question that an error's cause is found by.
    static let healthTimeout: Duration = .seconds(2)
    /// Bytes of an answer; a longer one is refused.
    static let maximumBody = 1 << 20
    /// Redirects of one request that are followed: the active node may have changed meanwhile.
    static let maximumRedirects = 2
    /// A 429 that asks for no more than this is waited out; a longer one is an error, and nothing is sent before its time.
    static let longestWait: Duration = .seconds(10)
    /// The delay assumed for a 429 that names none.
    static let defaultDelay: Duration = .seconds(5)
    /// What a wrong server says must not stop the store for years.
    static let longestDelay: Duration = .seconds(86_400)

    typealias Send = @Sendable (CurlRequest) async throws(CurlError) -> CurlResponse

    private let place: VaultPlace
    private let send: Send
    private let surroundings: TokenRefresher.Surroundings
    /// Nothing is sent before: the server has said so.
    private var notBefore: Duration = .zero

    init(_ place: VaultPlace, surroundings: TokenRefresher.Surroundings, send: @escaping Send) {
        self.place = place
        self.surroundings = surroundings
        self.send = send
    }

    /// - Returns: an answer of a status below 500 that is no redirect and no 429.
    /// - Throws: ``TokenError`` `unavailable`; `limit` for an answer that is too long.
    func ask(
        _ method: String,
        _ target: String,
        _ body: CurlBody?,
        as token: Secret?
    ) async throws(TokenError) -> CurlResponse {
        // Once more after a short wait that the server asks for.
        for attempt in 0..<2 {
            let wait = notBefore - surroundings.uptime()
            if wait > .zero {
                guard wait <= Self.longestWait else { throw limited(wait) }
                do { try await surroundings.sleep(wait) } catch { throw limited(wait) }
            }
            let response = try await follow(method, target, body, as: token)
            switch response.status {
            case 429:
                let delay = Self.delay(response)
                notBefore = surroundings.uptime() + delay
                if attempt > 0 { throw limited(delay) }
            case 412, 472, 473, 500...: throw await failed(response.status)
            case _: return response
            }
        }
        throw limited(Self.defaultDelay)
    }

    /// Sends a request to the address, and to the active node where a standby names it.
    private func follow(
        _ method: String,
        _ target: String,
        _ body: CurlBody?,
        as token: Secret?
    ) async throws(TokenError) -> CurlResponse {
        var node = place.address
        for _ in 0...Self.maximumRedirects {
            var request = request(method, node, target, body)
            if let namespace = place.namespace { request.headers.append(CurlHeader("X-Vault-Namespace", namespace)) }
            if let token {
                request.headers.append(CurlHeader("X-Vault-Token") { use in token.withUnsafeBytes { use($0) } })
            }
            let response: CurlResponse
            do throws(CurlError) { response = try await send(request) } catch { throw unreachable(node, error) }
            guard (300..<400).contains(response.status) else { return response }
            guard response.status == 307, let location = response.header("location"),
                let next = place.node(location, for: target)
            else { throw Self.astray(node, response) }
            node = next
        }
        throw TokenError(.unavailable, "vault: its nodes redirect to each other: there is no active one now")
    }

    private func request(_ method: String, _ node: WebURL, _ target: String, _ body: CurlBody?) -> CurlRequest {
        let url = node.text.hasSuffix("/") ? String(node.text.dropLast()) : node.text
        var request = CurlRequest(url + target, method: method, body: body)
        request.timeout = Self.requestTimeout
        request.maximumBody = Self.maximumBody
        request.authoritiesFile = place.authoritiesFile
        // A listener may ask for the second, by which a forged request of a browser is told.
        request.headers = [CurlHeader("Accept", "application/json"), CurlHeader("X-Vault-Request", "true")]
        if body != nil { request.headers.append(CurlHeader("Content-Type", "application/json")) }
        return request
    }

    // MARK: - Failing

    /// Asks the server how it is, because an error says little of it. The token is not shown, and no namespace: there is one such answer for all.
    private func failed(_ status: Int) async -> TokenError {
        var request = request("GET", place.address, "/v1/sys/health", nil)
        request.timeout = Self.healthTimeout
        let (words, hint): (String, String?) =
            switch try? await send(request).status {
            case 429: ("it is a standby, and reaches no active node", "`vault operator members` names them")
            case 472: ("it is a secondary for disasters, which gives no secrets", "set `address` to the primary")
            case 473: ("it is a performance standby that cannot serve this now", nil)
            case 501: ("it is not initialised", "`vault operator init`")
            case 503: ("it is sealed", "`vault operator unseal`")
            case _: ("the server has an error", nil)
            }
        return TokenError(.unavailable, "vault: \(place.address.origin): \(words) (\(status))", hint: hint)
    }

    private func unreachable(_ node: WebURL, _ error: CurlError) -> TokenError {
        guard error.code != .tooLarge else {
            return TokenError(
                .limit,
                "vault: an answer is longer than \(Self.maximumBody >> 20) MiB",
                underlying: error
            )
        }
        return TokenError(
            .unavailable,
            "vault: \(node.origin): \(error.message)",
            hint: error.code == .tls ? "for a certificate of your own authority, set ca to its PEM file" : nil,
            underlying: error
        )
    }

    /// The redirect's host is named where it is one, so that an operator can allow it: nothing else of it is shown.
    private static func astray(_ node: WebURL, _ response: CurlResponse) -> TokenError {
        let other = response.header("location").flatMap { try? WebURL(parsing: $0) }
        guard response.status == 307, let other else {
            return TokenError(
                .unavailable,
                "vault: \(node.origin) redirects elsewhere (\(response.status)), as no node of Vault's does",
                hint: "is `address` the server itself?"
            )
        }
        return TokenError(
            .unavailable,
            "vault: \(node.origin) is a standby and redirects to \(other.origin), which is not followed",
            hint: "if that is a node of the same cluster: nodes: [\(other.origin)]"
        )
    }

    private static func delay(_ response: CurlResponse) -> Duration {
        let seconds = response.header("retry-after").flatMap { Int64($0) }
        guard let seconds, seconds >= 0 else { return defaultDelay }
        return min(.seconds(seconds), longestDelay)
    }

    private func limited(_ wait: Duration) -> TokenError {
        let seconds = wait.components.seconds + 1
        return TokenError(.unavailable, "vault: too many requests: the server asks for a pause of \(seconds) s")
    }
}
