package import CurlClient
package import GatehouseCore
internal import GatehouseTokens

/// The address of an MCP server, and the header fields of requests to it.
package struct MCPPlace: Sendable {
    package let url: String
    var unixSocket: String?
    /// A PEM file, in place of the system's authorities.
    var authoritiesFile: String?
    /// The host to connect to when the URL has the server's name as its certificate has it.
    var connectHost: String?
    var headers: [CurlHeader] = []
    var connectTimeout = CurlRequest.defaultConnectTimeout
    var timeout: Duration

    /// The upstream of a route, spoken to as Gatehouse would: at the address that the route leads to, with what it injects.
    ///
    /// - Parameters:
    ///   - path: below the route, as clients write it; nil for the first of `mcp.paths`, for the route itself where its upstream has a path, and for
    ///     `/mcp` where it has none.
    ///   - tokens: the current ones.
    package init(behind route: Route, path: String?, tokens: [TokenName: TokenValue], timeout: Duration) {
        let rest = path ?? route.endpoints?.paths.first?.text ?? (route.upstream.path.isEmpty ? "/mcp" : "/")
        var authority = route.upstream.authority
        if case .tcp(let host, let port) = route.upstream.endpoint, let name = route.upstream.tls.serverName {
            authority = "\(name.contains(":") ? "[\(name)]" : name):\(port)"
            connectHost = host
        }
        authoritiesFile = route.upstream.tls.authorities
        url =
            "\(route.upstream.isSecure ? "https" : "http")://\(authority)\(route.upstream.path)"
            + (rest == "/" && !route.upstream.path.isEmpty ? "" : rest)
        if case .unix(let path) = route.upstream.endpoint { unixSocket = path }
        headers = route.injections.compactMap { Self.field($0, tokens) }
        connectTimeout = route.timeouts.connect
        self.timeout = timeout
    }

    /// - Parameter headers: sent with each request.
    package init(url: String, headers: [CurlHeader], timeout: Duration) {
        self.url = url
        self.headers = headers
        self.timeout = timeout
    }

    /// A field that a route injects; nil when a token that it names is missing.
    private static func field(_ injection: Injection, _ tokens: [TokenName: TokenValue]) -> CurlHeader? {
        var parts: [Secret] = []
        for part in injection.value.parts {
            switch part {
            case .literal(let text): parts.append(Secret(text))
            case .token(let name):
                guard let value = tokens[name] else { return nil }
                parts.append(value.secret)
            // The operator makes the call, and has no assertion.
            case .assertion: return nil
            case .email, .subject, .principal, .claim: parts.append(Secret("gatehouse-call"))
            }
        }
        let value = Secret(count: parts.reduce(0) { $0 + $1.count }) { bytes in
            var end = 0
            for part in parts {
                part.withUnsafeBytes { bytes[end...].copyBytes(from: $0) }
                end += part.count
            }
        }
        return CurlHeader(injection.name.text) { use in value.withUnsafeBytes { use($0) } }
    }
}
