/// The address that a socket listens on or connects to.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The host is a name or an address without brackets; as a listener's, port 0 lets the system choose one.
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// The mode of a unix socket that listens: its owner and group may connect.
    package static let unixMode: UInt32 = 0o660
    /// sockaddr_un.sun_path holds 108 bytes with the terminator (unix(7)).
    package static let maximumPathLength = 107

    /// Parses where a listener stands: `HOST:PORT`, `[IPv6]:PORT` or `unix:/path`.
    package init(parsing text: String) throws(InvalidValue) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/"), path.utf8.count > 1 else {
                throw InvalidValue(
                    "a unix listener is an absolute path",
                    suggestion: "unix:/run/gatehouse/gatehouse.sock"
                )
            }
            guard path.utf8.count <= Self.maximumPathLength, !path.utf8.contains(0) else {
                throw InvalidValue("a unix socket path is at most \(Self.maximumPathLength) bytes, none of them NUL")
            }
            self = .unix(path: path)
            return
        }
        guard !text.contains("//") else {
            throw InvalidValue("a listener has no scheme and no path", suggestion: "127.0.0.1:8080 or unix:/path")
        }
        guard let colon = text.lastIndex(of: ":"), text.last != "]" else {
            if let port = Int(text), (1...65_535).contains(port) {
                throw InvalidValue("a listener needs a host", suggestion: Self.everyHost(port))
            }
            throw InvalidValue("a listener needs a port", suggestion: "\(text):8080")
        }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy(\.isASCIIDigit), let port = Int(digits), port <= 65_535 else {
            throw InvalidValue("a listener's port is a number from 0 to 65535")
        }
        guard colon > text.startIndex else {
            throw InvalidValue("a listener needs a host", suggestion: Self.everyHost(port))
        }
        let host = try Host(parsing: String(text[..<colon])).name
        self = .tcp(host: host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host, port: port)
    }

    private static func everyHost(_ port: Int) -> String { "127.0.0.1:\(port), or 0.0.0.0:\(port) for every address" }

    /// Whether only this machine reaches it.
    package var isLocal: Bool {
        switch self {
        case .tcp(let host, _): Loopback.contains(host)
        case .unix: true
        }
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// Names and addresses that never leave the machine (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3, RFC 6761 section 6.3).
package enum Loopback {
    /// Whether what is sent there stays on this machine or a network of its containers: loopback, a name without a dot, as containers have, or the
    /// names by which they call the machine.
    package static func isNear(_ host: String) -> Bool {
        contains(host) || !host.contains(where: { $0 == "." || $0 == ":" })
            || ["host.docker.internal", "host.containers.internal"].contains(host)
    }

    package static func contains(_ host: String) -> Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
