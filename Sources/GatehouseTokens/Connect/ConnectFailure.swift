/// Why somebody's token could not be connected or ended. Messages hold no secret, and nothing of a server's answer but the codes of the RFCs.
package struct ConnectFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// A server does not answer, or not now.
        case unavailable
        /// A document leads to an address that must not be asked.
        case refusedAddress = "refused_address"
        /// A server's document is not what it has to be.
        case metadata
        /// A document is about another server than the one that was asked for.
        case otherIssuer = "other_issuer"
        /// The server cannot do what connecting needs.
        case unsupported
        /// The client's secret cannot be read.
        case configuration
        /// The server does not take Gatehouse as a client.
        case registration
        /// The server gives nothing for the code.
        case rejected
        /// The person, or the server for the person, said no.
        case denied
        /// The `state` is none that Gatehouse made.
        case unknownState = "unknown_state"
        case expiredState = "expired_state"
        case usedState = "used_state"
        /// The person who came back is another one than the person who went.
        case otherPerson = "other_person"
        /// The answer comes from another server than the one that was asked (RFC 9207).
        case mixedUpIssuer = "mixed_up_issuer"
        /// A pasted token cannot be sent, or the upstream does not take it.
        case token
        /// The store does not keep it.
        case store
    }

    package let code: Code
    package let message: String
    package let hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// An answer of the token endpoint, said of a code or a token and not of a renewal.
    init(_ failure: RenewalFailure) {
        switch failure.code {
        case .ended:
            self.init(.rejected, failure.message, hint: "connect again: a code is good once, and for a short time")
        case .unavailable: self.init(.unavailable, failure.message, hint: failure.hint)
        }
    }

    /// Whether an operator has to do something, and the person whom it happened to can only say so.
    package var isForOperators: Bool {
        switch code {
        case .refusedAddress, .metadata, .otherIssuer, .unsupported, .configuration, .registration, .mixedUpIssuer: true
        case .unavailable, .rejected, .denied, .unknownState, .expiredState, .usedState, .otherPerson, .token, .store:
            false
        }
    }

    package var description: String { message }
}
