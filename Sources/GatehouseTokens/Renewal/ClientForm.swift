internal import CurlClient
internal import GatehouseCore

/// A form that a client sends to an authorization server, together with the proof that it is that client (RFC 6749 section 2.3).
struct ClientForm {
    private enum Value {
        case text(String)
        case secret(Secret)
    }

    private var fields: [(name: StaticString, value: Value)] = []

    /// Adds nothing for nil.
    mutating func add(_ name: StaticString, _ text: String?) {
        if let text { fields.append((name, .text(text))) }
    }

    /// Adds nothing for nil.
    mutating func add(_ name: StaticString, _ secret: Secret?) {
        if let secret { fields.append((name, .secret(secret))) }
    }

    func request(
        to url: String,
        by client: OAuthClient,
        reach: IssuerReach,
        authoritiesFile: String?
    ) throws(RenewalFailure) -> CurlRequest {
        let secret: Secret?
        do throws(InvalidValue) { secret = try client.secret?.secret() } catch {
            throw RenewalFailure(.unavailable, "the client's secret: \(error.message)")
        }
        var fields = self
        if client.authentication != .basic { fields.add("client_id", client.id) }
        if client.authentication == .post { fields.add("client_secret", secret) }
        var request = IssuerRequest.post(url, fields.body(), reach: reach, authoritiesFile: authoritiesFile)
        request.headers = [
            CurlHeader("Accept", "application/json"), CurlHeader("Content-Type", "application/x-www-form-urlencoded"),
        ]
        if client.authentication == .basic, let secret { request.headers.append(Self.basic(client.id, secret)) }
        return request
    }

    private func body() -> CurlBody {
        var form = FormBody()
        for (name, value) in fields {
            switch value {
            case .text(let text): form.add(name, text)
            case .secret(let secret): form.add(name, secret)
            }
        }
        return form.body
    }

    /// RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    private static func basic(_ id: String, _ secret: Secret) -> CurlHeader {
        CurlHeader("Authorization", prefix: "Basic ") { use in
            var joined = SecretBuilder()
            FormBody.encode(id.utf8) { joined.append($0) }
            joined.append(UInt8(ascii: ":"))
            secret.withUnsafeBytes { secret in FormBody.encode(secret) { joined.append($0) } }
            var encoded = SecretBuilder()
            joined.withUnsafeBytes { joined in Base64.encode(joined) { encoded.append($0) } }
            encoded.withUnsafeBytes { use($0) }
        }
    }
}
