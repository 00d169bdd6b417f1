/// One request of the control plane: a key set, a probe, a call to a secret store.
///
/// Redirects are never followed, only `http` and `https` are spoken, and the proxy variables of the environment are
/// ignored unless asked for: each would let another party choose where a credential goes.
package struct CurlRequest: Sendable {
    /// Time from the call to the last byte of the body, waiting for a thread included; beyond it ``CurlError/Code/timeout``.
    package static let defaultTimeout: Duration = .seconds(5)
    /// Time until the connection and its TLS are established; beyond it ``CurlError/Code/timeout``.
    package static let defaultConnectTimeout: Duration = .seconds(3)
    /// Bytes of a response body; beyond it ``CurlError/Code/tooLarge``.
    package static let defaultMaximumBody = 1 << 20
    /// Bytes of the response's header fields; beyond it ``CurlError/Code/tooLarge``.
    package static let maximumHeaderBytes = 64 << 10

    package var method: String
    /// `http://` or `https://`, without user information.
    package var url: String
    package var headers: [CurlHeader]
    package var body: CurlBody?
    package var timeout = CurlRequest.defaultTimeout
    package var connectTimeout = CurlRequest.defaultConnectTimeout
    package var maximumBody = CurlRequest.defaultMaximumBody
    /// Called with the body so far each time more of it came; true ends the call, and the response has that much of the body: for endless streams.
    package var isEnough: (@Sendable (_ body: UnsafeRawBufferPointer) -> Bool)?
    /// A PEM file that replaces the system's certificate authorities.
    package var authoritiesFile: String?
    /// Connects to this socket instead of the URL's host and port.
    package var unixSocket: String?
    /// Connects to this host, an address or a name, and the URL's port, instead of the URL's host.
    package var connectHost: String?
    /// Asked about the address that was connected to, before anything is sent: false ends the call as ``CurlError/Code/refusedAddress``. A name
    /// may resolve to any address, and to another one the next time.
    package var admitsAddress: (@Sendable (_ address: String) -> Bool)?
    /// Whether `HTTPS_PROXY` and its kin apply.
    package var usesProxyFromEnvironment = false

    package init(_ url: String, method: String = "GET", headers: [CurlHeader] = [], body: CurlBody? = nil) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }
}

extension CurlRequest: CustomStringConvertible, CustomReflectable {
    /// The method alone: a URL's path or query may hold a secret.
    package var description: String { "\(method) <url>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// One header field of a request. Its value never shows when printed.
package struct CurlHeader: Sendable {
    /// Lends the body's bytes to the closure that it is passed, for the time of that call only.
    package typealias Reading = @Sendable (_ body: (UnsafeRawBufferPointer) -> Void) -> Void

    package let name: String
    let prefix: String
    let concealed: Reading?

    package init(_ name: String, _ value: String) {
        self.name = name
        prefix = value
        concealed = nil
    }

    /// A field whose value is `prefix` and then a secret, which is copied only into the request's own memory and zeroed
    /// there when the call ends.
    package init(_ name: String, prefix: String = "", concealed: @escaping Reading) {
        self.name = name
        self.prefix = prefix
        self.concealed = concealed
    }
}

extension CurlHeader: CustomStringConvertible, CustomReflectable {
    package var description: String { "\(name): <redacted>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The server's answer, whatever its status: a 500 is an answer, not an error.
package struct CurlResponse: Sendable {
    package let status: Int
    /// The header fields in their order; names in the case of the wire.
    package let headers: [(name: String, value: String)]
    package let body: CurlBody

    /// The first field of that name, in any case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.utf8.count == name.utf8.count && $0.name.lowercased() == name.lowercased() }?.value
    }
}
