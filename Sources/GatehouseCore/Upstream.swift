/// The upstream that a route sends its requests to.
package struct Upstream: Hashable, Sendable {
    package let endpoint: Endpoint
    /// Whether TLS is spoken (`https`). The certificate is verified against the host of ``authority``.
    package let isSecure: Bool
    /// The value of `Host` upstream, with the port when it is not the scheme's default.
    package let authority: String
    /// How the certificate is verified; only where TLS is spoken.
    package private(set) var tls = TLS()
    /// Replaces the matched prefix of the route; empty when the upstream URL has no path.
    package let path: String

    /// How a server is known, where it is not by the system's authorities and the host of its URL.
    package struct TLS: Hashable, Sendable {
        /// A PEM file, absolute; nil for the system's.
        package let authorities: String?
        /// A name or an address without brackets, that the certificate must have; nil for the host of the URL.
        package let serverName: String?

        package init(authorities: String? = nil, serverName: String? = nil) {
            self.authorities = authorities
            self.serverName = serverName
        }
    }

    /// The same upstream, whose certificate is verified in another way.
    package func verified(by tls: TLS) -> Upstream {
        var upstream = self
        upstream.tls = tls
        return upstream
    }

    /// Gatehouse itself, where people connect their tokens. No text is parsed as this address, and nothing listens there: the connector makes the
    /// connection.
    ///
    /// - Parameter path: of the page, which it is asked for in full.
    package static func connectPage(at path: PathPrefix) -> Upstream { Upstream(connectPageAt: path) }

    package var isConnectPage: Bool { endpoint == .unix(path: "") }

    private init(connectPageAt path: PathPrefix) {
        endpoint = .unix(path: "")
        isSecure = false
        authority = "gatehouse.internal"
        self.path = path == .root ? "" : path.text
    }

    /// Parses `http://host[:port][/path]`, `https://…`, or `unix:/path/to/socket`.
    ///
    /// - Throws: ``InvalidValue`` for another scheme, user information, a query, a fragment, or a bad host or port.
    package init(parsing text: String) throws(InvalidValue) {
        if text.hasPrefix("unix:") {
            let socket = String(text.dropFirst(5))
            guard socket.hasPrefix("/"), socket.utf8.count > 1 else {
                throw InvalidValue("a unix upstream is an absolute path", suggestion: "unix:/run/mcp/mcp.sock")
            }
            guard socket.utf8.count <= Endpoint.maximumPathLength else {
                throw InvalidValue("a unix socket path is at most \(Endpoint.maximumPathLength) bytes")
            }
            endpoint = .unix(path: socket)
            isSecure = false
            authority = "localhost"
            path = ""
            return
        }
        let rest: Substring
        if text.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else if text.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else {
            throw InvalidValue(
                "an upstream is http://…, https://… or unix:/…",
                suggestion: text.contains(":/") ? nil : "http://\(text)"
            )
        }
        guard !rest.utf8.contains(where: { $0 == 0x3F || $0 == 0x23 || $0 <= 0x20 || $0 >= 0x7F }) else {
            throw InvalidValue("an upstream has no query, fragment or space")
        }
        guard !rest.utf8.contains(UInt8(ascii: "@")) else {
            throw InvalidValue("an upstream has no user information; inject a header instead")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let hostAndPort = rest[..<slash]
        let prefix = try slash == rest.endIndex ? PathPrefix.root : PathPrefix(parsing: String(rest[slash...]))
        path = slash == rest.endIndex || prefix == .root ? "" : prefix.text
        var name = hostAndPort
        var port = isSecure ? 443 : 80
        let bracket = hostAndPort.lastIndex(of: "]") ?? hostAndPort.startIndex
        if let colon = hostAndPort[bracket...].lastIndex(of: ":") {
            let digits = hostAndPort[hostAndPort.index(after: colon)...]
            guard digits.utf8.allSatisfy(\.isASCIIDigit), let number = Int(digits), (1...65535).contains(number) else {
                throw InvalidValue("an upstream's port is a number from 1 to 65535")
            }
            name = hostAndPort[..<colon]
            port = number
        }
        let host = try Host(parsing: String(name))
        endpoint = .tcp(host: Self.bareHost(host), port: port)
        authority = port == (isSecure ? 443 : 80) ? host.name : "\(host.name):\(port)"
    }

    /// The host without the brackets of an IPv6 address.
    package static func bareHost(_ host: Host) -> String {
        host.name.hasPrefix("[") ? String(host.name.dropFirst().dropLast()) : host.name
    }
}

extension Upstream {
    package var isLocalSocket: Bool { if case .unix = endpoint { true } else { false } }

    /// The upstream's address, for an operator who looks for it.
    package var place: String {
        switch endpoint {
        case .unix(let path): "unix:\(path)"
        case .tcp: "\(isSecure ? "https" : "http")://\(authority)"
        }
    }
}
