/// Why a renewal gave no token. Messages hold no secret and nothing of a server's answer but its error code.
package struct RenewalFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The server gives nothing for this grant any more (`invalid_grant`, a vanished installation): trying again would be a storm.
        case ended
        /// The server, the network or the client's registration is not as it should be now; the present token goes on to its end.
        case unavailable
    }

    package let code: Code
    package let message: String
    package let hint: String?
    /// How long the server asks to wait (RFC 9110 section 10.2.3).
    package let retryAfter: Duration?

    package init(_ code: Code, _ message: String, hint: String? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.retryAfter = retryAfter
    }

    package var description: String { message }
}
