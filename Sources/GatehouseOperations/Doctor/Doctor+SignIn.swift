internal import CurlClient
internal import GatehouseCore
internal import GatehouseServer

/// Whether an MCP client can sign in at the public address. It follows no redirect to a page: a 401 must name the protected resource's metadata
/// (RFC 9728), that must name an authorization server, and that server's own metadata (RFC 8414) the places to go to.
extension Doctor {
    func signIn(_ url: String) async -> [Finding] {
        let response: CurlResponse
        do throws(CurlError) {
            response = try await CurlClient().perform(Self.firstMessage(to: url))
        } catch {
            return [Finding(.signIn, .fail, url, error.message, advice: Self.advice(for: error))]
        }
        switch response.status {
        case 300..<400:
            let advice =
                "turn on Managed OAuth in the Access application (Advanced settings): MCP clients follow no redirect to a sign-in page"
            let detail = "answers \(response.status) to an MCP request: MCP clients cannot sign in"
            return [Finding(.signIn, .fail, url, detail, advice: advice)]
        case 401: return await challenge(url, response)
        case 403:
            let advice =
                "a person's client needs a 401 that leads to a sign-in: is there an Allow policy, and is Managed OAuth on?"
            return [Finding(.signIn, .warn, url, "answers 403 to an MCP request", advice: advice)]
        // Other statuses are reported by the probe of the public address.
        case _: return []
        }
    }

    private static func firstMessage(to url: String) -> CurlRequest {
        let body = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},\
            "clientInfo":{"name":"gatehouse-doctor","version":"1"}}}
            """
        let headers = [
            CurlHeader("Content-Type", "application/json"), CurlHeader("Accept", "application/json, text/event-stream"),
        ]
        var request = CurlRequest(url, method: "POST", headers: headers, body: CurlBody(body))
        request.isEnough = { _ in true }
        return request
    }

    private static func advice(for error: CurlError) -> String? {
        guard error.code == .tls else { return nil }
        return "the certificate must be of a known authority; SSL_CERT_FILE names others for this command too"
    }

    private func challenge(_ url: String, _ response: CurlResponse) async -> [Finding] {
        let fields = response.headers.filter { $0.name.lowercased() == "www-authenticate" }.map(\.value)
        let advice =
            "turn on Managed OAuth in the Access application; or give the route `resource_metadata` where another server signs in"
        guard let field = fields.first(where: { $0.lowercased().hasPrefix("bearer") }) else {
            let detail = fields.isEmpty ? "answers 401 without WWW-Authenticate" : "its WWW-Authenticate is not Bearer"
            return [Finding(.signIn, .fail, url, "\(detail): MCP clients find no sign-in", advice: advice)]
        }
        // Without the parameter, clients try the place that RFC 9728 (section 3.1) gives the metadata.
        let place =
            Self.parameter("resource_metadata", of: field) ?? Self.wellKnown("oauth-protected-resource", of: url)
        let resource = await document(place)
        guard case .success(let metadata) = resource else { return [resource.finding(place)] }
        guard let server = metadata["authorization_servers"]?.elements.first?.text, server.hasPrefix("http") else {
            let detail = "names no authorization server"
            return [Finding(.signIn, .fail, place, detail, advice: "RFC 9728 wants `authorization_servers`")]
        }
        var findings = [Finding(.signIn, .ok, place, "names \(server)")]
        if let named = metadata["resource"]?.text, !url.hasPrefix(named) {
            let advice = "clients compare it with the address that they were given (RFC 9728, section 3.3)"
            findings.append(Finding(.signIn, .warn, place, "is about \(named), not \(url)", advice: advice))
        }
        return findings + [await authorizationServer(server)]
    }

    private func authorizationServer(_ issuer: String) async -> Finding {
        let places = ["oauth-authorization-server", "openid-configuration"].map { Self.wellKnown($0, of: issuer) }
        var found: Document = .failure(.init(""))
        var place = places[0]
        for candidate in places {
            place = candidate
            found = await document(candidate)
            if case .success = found { break }
        }
        guard case .success(let metadata) = found else { return found.finding(places[0]) }
        for name in ["authorization_endpoint", "token_endpoint"] where metadata[name]?.text == nil {
            return Finding(
                .signIn,
                .fail,
                place,
                "names no \(name)",
                advice: "RFC 8414 wants it; clients cannot sign in without"
            )
        }
        let methods = metadata["code_challenge_methods_supported"]?.elements.compactMap(\.text) ?? []
        guard methods.contains("S256") else {
            let advice = "MCP clients refuse a server without it (MCP, Authorization Code Protection)"
            return Finding(.signIn, .fail, place, "does not say that it takes PKCE with S256", advice: advice)
        }
        if metadata["registration_endpoint"]?.text == nil,
            metadata["client_id_metadata_document_supported"] != .bool(true)
        {
            let advice = "a client without an id of its own cannot register: turn on dynamic client registration"
            return Finding(.signIn, .warn, place, "lets no client register", advice: advice)
        }
        return Finding(.signIn, .ok, place, "sign-in, tokens and PKCE are there")
    }

    private typealias Document = Result<JSONValue, SignInFailure>

    private func document(_ url: String) async -> Document {
        guard url.hasPrefix("https://") || publicURL?.hasPrefix("http://") ?? true else {
            return .failure(SignInFailure("is not https"))
        }
        do throws(CurlError) {
            let response = try await CurlClient().perform(CurlRequest(url))
            guard response.status == 200 else { return .failure(SignInFailure("answers \(response.status)")) }
            guard let document = JSONValue(parsing: response.body.bytes), document.isObject else {
                return .failure(SignInFailure("is not a JSON object"))
            }
            return .success(document)
        } catch {
            return .failure(SignInFailure(error.message))
        }
    }

    /// The place of a well-known document: between host and path (RFC 8414, section 3.1; RFC 9728, section 3.1).
    static func wellKnown(_ name: String, of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let path = rest[end...].prefix { $0 != "?" }
        return "\(url[..<scheme.upperBound])\(rest[..<end])/.well-known/\(name)\(path == "/" ? "" : path)"
    }

    /// A parameter of a challenge (RFC 9110, section 11.2), quoted or not.
    static func parameter(_ name: String, of challenge: String) -> String? {
        let folded = Array(challenge.utf8).map { $0 | ($0 >= 0x41 && $0 <= 0x5A ? 0x20 : 0) }
        let wanted = Array((name + "=").utf8)
        guard folded.count > wanted.count else { return nil }
        for start in 0..<folded.count - wanted.count where folded[start...].starts(with: wanted) {
            guard start == 0 || [0x20, 0x09, 0x2C].contains(folded[start - 1]) else { continue }
            let value = Array(challenge.utf8)[(start + wanted.count)...]
            let bytes =
                value.first == 0x22
                ? value.dropFirst().prefix { $0 != 0x22 } : value.prefix { $0 != 0x2C && $0 != 0x20 }
            return String(decoding: bytes, as: UTF8.self)
        }
        return nil
    }
}

private struct SignInFailure: Error {
    let words: String

    init(_ words: String) { self.words = words }
}

extension Result where Success == JSONValue, Failure == SignInFailure {
    fileprivate func finding(_ place: String) -> Finding {
        let words = if case .failure(let failure) = self { failure.words } else { "" }
        let advice =
            "MCP clients read it to find the sign-in; Managed OAuth serves it, and nothing else may stand at this path"
        return Finding(.signIn, .fail, place, words, advice: advice)
    }
}
