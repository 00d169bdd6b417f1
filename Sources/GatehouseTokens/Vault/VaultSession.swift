internal import CurlClient
internal import GatehouseCore

/// Sends requests with a token of Vault's, which is renewed before its lease ends, and replaced when the server takes it no longer.
actor VaultSession {
    /// The part of a lease after which it is renewed.
    static let renewAfter = 0.75
    /// A token that was renewed for less than this part of its first life nears the longest one that Vault gives it: the next one is asked for.
    static let shortestRenewal = 0.5
    /// A token that is configured is looked at anew after this at the latest: an agent of Vault's may have written another one into its file.
    static let tokenReread: Duration = .seconds(300)
    /// After a sign-in by which a 403 did not end, further ones do not sign in for this long: it is the policy that denies, and each sign-in makes a token.
    static let denialPause: Duration = .seconds(60)
    /// After a renewal that brought nothing the token is used on, and the next one is tried after this.
    static let renewalRetry: Duration = .seconds(30)

    private struct Grant {
        let secret: Secret
        /// The lease that the sign-in gave.
        let life: Duration
        let isRenewable: Bool
        var renewAt: Duration
        let expiresAt: Duration
    }

    let place: VaultPlace
    private let wire: VaultWire
    private let uptime: @Sendable () -> Duration
    private var grant: Grant?
    /// Signing in or renewing: those who come meanwhile wait for the same.
    private var signingIn: Task<Result<Secret, TokenError>, Never>?
    private var deniedUntil: Duration = .zero

    init(
        _ place: VaultPlace,
        surroundings: TokenRefresher.Surroundings,
        send: @escaping VaultWire.Send = { request throws(CurlError) in try await CurlClient().perform(request) }
    ) {
        self.place = place
        uptime = surroundings.uptime
        wire = VaultWire(place, surroundings: surroundings, send: send)
    }

    /// Sends a request. A token that the server takes no longer is replaced once.
    ///
    /// - Returns: an answer of a status below 500: a refusal may be about this target alone.
    /// - Throws: ``TokenError`` `limit` for an answer that is too long, which may be this target's alone, too; any other error is about all of them.
    func call(_ method: String, _ target: String, body: CurlBody? = nil) async throws(TokenError) -> CurlResponse {
        let first = try await bearer()
        let response = try await wire.ask(method, target, body, as: first)
        // Vault says the same to a token that it does not know and to one whose policy denies.
        guard response.status == 403, grant?.secret !== first || uptime() >= deniedUntil else { return response }
        if grant?.secret === first { grant = nil }
        let second = try await bearer()
        guard second != first else {
            deniedUntil = uptime() + Self.denialPause
            return response
        }
        let again = try await wire.ask(method, target, body, as: second)
        if again.status == 403 { deniedUntil = uptime() + Self.denialPause }
        return again
    }

    // MARK: - Signing in

    private func bearer() async throws(TokenError) -> Secret {
        if let grant, uptime() < grant.renewAt { return grant.secret }
        if let signingIn { return try await signingIn.value.get() }
        let task = Task { await self.obtain() }
        signingIn = task
        let outcome = await task.value
        signingIn = nil
        return try outcome.get()
    }

    private func obtain() async -> Result<Secret, TokenError> {
        let old = grant.flatMap { uptime() < $0.expiresAt ? $0 : nil }
        do throws(TokenError) {
            if let old, old.isRenewable, let renewed = try await renewed(old.secret, life: old.life),
                renewed.expiresAt - uptime() >= old.life * Self.shortestRenewal
            {
                grant = renewed
                return .success(renewed.secret)
            }
            let new = try await signIn()
            grant = new
            return .success(new.secret)
        } catch {
            // A token that still lives is worth more than none: its secret_id may be used up, and the server may be sealed for a moment.
            guard var old else { return .failure(error) }
            old.renewAt = min(old.expiresAt, uptime() + Self.renewalRetry)
            grant = old
            return .success(old.secret)
        }
    }

    private func signIn() async throws(TokenError) -> Grant {
        switch place.identity {
        case .token(let source):
            let secret = try credential(source)
            let reread = uptime() + Self.tokenReread
            // One that may not be renewed, such as a root token, is used as it is.
            let renewed = try await renewed(secret, life: nil)
            return Grant(
                secret: secret,
                life: .zero,
                isRenewable: false,
                renewAt: min(renewed?.renewAt ?? reread, reread),
                expiresAt: uptime() + .seconds(1 << 31)
            )
        case .role(let id, let secret, let mount):
            let sentAt = uptime()
            let body = CurlBody.json([
                .text(#"{"role_id":"#), .quoted(try credential(id)), .text(#","secret_id":"#),
                .quoted(try credential(secret)), .text("}"),
            ])
            let response = try await wire.ask("POST", "/v1/auth/\(mount)/login", body, as: nil)
            guard response.status == 200 else { throw Self.refusedRole(response, mount) }
            return try grant(response.body, sentAt: sentAt, life: nil, else: nil)
        }
    }

    /// Nil when the server does not renew this token.
    private func renewed(_ secret: Secret, life: Duration?) async throws(TokenError) -> Grant? {
        let sentAt = uptime()
        let response = try await wire.ask("POST", "/v1/auth/token/renew-self", CurlBody("{}"), as: secret)
        guard response.status == 200 else { return nil }
        return try grant(response.body, sentAt: sentAt, life: life, else: secret)
    }

    /// - Parameter old: the token that is renewed, which the answer may leave out.
    private func grant(_ body: CurlBody, sentAt: Duration, life: Duration?, else old: Secret?) throws(TokenError)
        -> Grant
    {
        let answer = try VaultAnswer.grant(body)
        guard let secret = old ?? answer.token else { throw .strangeAnswer }
        // It goes into a header.
        do throws(InvalidValue) { _ = try TokenValue(validating: secret, version: 1) } catch { throw .strangeAnswer }
        // 0 is a token that does not run out.
        let lease: Duration = .seconds(answer.life > 0 ? answer.life : 86_400)
        return Grant(
            secret: secret,
            life: life ?? lease,
            isRenewable: answer.isRenewable,
            renewAt: sentAt + lease * Self.renewAfter,
            expiresAt: sentAt + lease
        )
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

    private static func refusedRole(_ response: CurlResponse, _ mount: String) -> TokenError {
        if response.status == 404 || VaultAnswer.says("no handler for route", response.body) {
            return TokenError(
                .unavailable,
                "vault: no AppRole method is mounted at auth/\(mount) (\(response.status))",
                hint: "check `namespace` and `auth_mount`: `vault auth list` names the mounts"
            )
        }
        return TokenError(
            .unavailable,
            "vault: the AppRole's role_id and secret_id are not taken (\(response.status))",
            hint:
                "is the secret_id expired, used up or bound to other addresses? `vault write -f auth/\(mount)/role/NAME/secret-id` makes another one"
        )
    }
}
