internal import CurlClient
internal import GatehouseCore

/// Reads the answers of token endpoints (RFC 6749 sections 5.1 and 5.2) and of GitHub's for installations, never trusting that they are what they
/// should be.
struct TokenAnswer {
    /// Bytes of an answer; a longer one is refused.
    static let maximumBody = 64 << 10
    /// Bytes of a token; a longer one is refused, as ``TokenValue`` refuses it.
    static let maximumToken = TokenValue.maximumLength
    /// Lifetimes beyond it are taken for it: what a wrong server says must not become a date that overflows.
    static let longestLifetime: Int64 = 10 * 366 * 86_400

    /// `access_token`, or GitHub's `token`.
    var access: Secret?
    var refresh: Secret?
    var type: String?
    /// Seconds; nil for what is missing, null, not above 0 or no number: such a token is renewed when an upstream rejects it.
    var expiresIn: Int64?
    /// GitHub's, an RFC 3339 time.
    var expiresAt: Timestamp?
    /// As whom the owner is known to the server, where an ID token says it.
    var account: String?
    /// The code of an error answer, if it is one of the RFC's alphabet.
    var error: String?

    /// - Returns: nil for what is no JSON object, or names a member twice.
    init?(_ body: CurlBody) {
        let answer: TokenAnswer? = body.withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                let answer = try TokenAnswer(&scanner)
                try scanner.finish()
                return answer
            } catch {
                return nil
            }
        }
        guard let answer else { return nil }
        self = answer
    }

    private init(_ scanner: inout JSONScanner) throws(JSONFault) {
        var names = JSONNames()
        var token: Secret?
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            switch scanner.next {
            case .string where member == "access_token": access = Self.secret(try scanner.string())
            case .string where member == "token": token = Self.secret(try scanner.string())
            case .string where member == "refresh_token": refresh = Self.secret(try scanner.string())
            case .string where member == "token_type": type = try scanner.string().text
            case .string where member == "id_token": account = AccountName.named(byToken: try scanner.string().text)
            case .string where member == "error": error = Self.code(try scanner.string().text)
            case .string where member == "expires_in": expiresIn = Self.lifetime(Int64(try scanner.string().text))
            case .number where member == "expires_in": expiresIn = Self.lifetime(try scanner.number().integer)
            case .string where member == "expires_at": expiresAt = Timestamp(parsing: try scanner.string().text)
            case _: try scanner.skip()
            }
        }
        access = access ?? token
    }

    /// - Returns: nil for one that is empty.
    static func secret(_ text: JSONString) -> Secret? {
        let count = text.resolved.reduce(0) { count, _ in count + 1 }
        guard count > 0 else { return nil }
        return Secret(count: count) { target in
            for (index, byte) in text.resolved.enumerated() { target[index] = byte }
        }
    }

    private static func lifetime(_ seconds: Int64?) -> Int64? {
        seconds.flatMap { $0 > 0 ? min($0, longestLifetime) : nil }
    }

    /// RFC 6749 section 5.2: the codes are of visible ASCII but `"` and `\`. Anything else could hold what a terminal obeys.
    static func code(_ text: String) -> String? {
        let isCode =
            (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x5F || $0 == 0x2D || $0 == 0x2E }
        return isCode ? text : nil
    }
}

extension TokenAnswer {
    /// Reads a 2xx.
    ///
    /// - Parameters:
    ///   - old: the refresh token that was shown, which goes on where the answer has none (RFC 6749 section 6).
    ///   - now: when the request was sent, so that the lifetime is not taken for longer than it is.
    func grant(after old: Secret?, seed: SeedDigest?, sentAt now: Timestamp) throws(RenewalFailure) -> TokenGrant {
        guard let access else { throw RenewalFailure(.unavailable, "the answer has no access token") }
        if let type, type.lowercased() != "bearer", type.lowercased() != "token" {
            throw RenewalFailure(.unavailable, "the access token is of a type that no header carries by itself")
        }
        // It goes into a header.
        do throws(InvalidValue) { _ = try TokenValue(validating: access, version: 1) } catch {
            throw RenewalFailure(.unavailable, "the access token cannot be sent: \(error.message)")
        }
        if let refresh, refresh.count > Self.maximumToken {
            throw RenewalFailure(.unavailable, "the refresh token is longer than \(Self.maximumToken) bytes")
        }
        let end = expiresIn.map { now + .seconds($0) } ?? expiresAt.flatMap { $0 > now ? $0 : nil }
        return TokenGrant(access: access, refresh: refresh ?? old, issuedAt: now, expiresAt: end, seed: seed)
    }

    /// Reads another status.
    static func failure(_ response: CurlResponse) -> RenewalFailure {
        let error = TokenAnswer(response.body)?.error
        let words = "the server answers \(response.status)" + (error.map { " \($0)" } ?? "")
        let wait = response.header("Retry-After").flatMap { Int64($0) }.map {
            Duration.seconds(min(max(0, $0), 86_400))
        }
        switch error {
        case "invalid_grant":
            return RenewalFailure(.ended, words, hint: "connect it anew: it was revoked, has expired or was used twice")
        case "invalid_client", "unauthorized_client":
            return RenewalFailure(.unavailable, words, hint: "check client_id, client_secret and client_auth")
        case "invalid_scope", "invalid_target":
            return RenewalFailure(.unavailable, words, hint: "check scopes, audience and resource")
        case _: return RenewalFailure(.unavailable, words, retryAfter: wait)
        }
    }
}
