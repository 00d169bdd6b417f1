internal import GatehouseCore

/// Why a token store did not do what it was asked. Messages name tokens, versions and key ids and never hold a secret.
package struct TokenError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// No token of that name.
        case notFound = "not_found"
        /// The token has no such version, or none to go back to.
        case versionNotFound = "version_not_found"
        /// The token's current version is another one than the caller meant.
        case superseded
        /// The value could not be sent in a header, or a name, actor or note is not one.
        case invalidValue = "invalid_value"
        /// The store cannot do this at all; the hint says what to do instead.
        case unsupported
        /// A master key is missing, malformed or given twice, or two names mean one variable.
        case configuration
        /// The row was sealed under a master key that is not in the keyring.
        case keyUnknown = "key_unknown"
        /// A row does not open, or is not the one that stood there: it was changed by something else than Gatehouse.
        case tampered
        /// A limit of the store is reached.
        case limit
        /// The database was written by a newer release.
        case schemaTooNew = "schema_too_new"
        /// The store cannot be reached, read or written now.
        case unavailable
    }

    package enum Source: Sendable {
        /// The operator's request or configuration.
        case client
        /// The content of the store, or its answer.
        case store
    }

    package let code: Code
    package let message: String
    /// Advice to the operator, when there is some.
    package let hint: String?
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, hint: String? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.underlying = underlying
    }

    package var source: Source {
        switch code {
        case .notFound, .versionNotFound, .superseded, .invalidValue, .unsupported, .configuration, .limit: .client
        case .keyUnknown, .tampered, .schemaTooNew, .unavailable: .store
        }
    }

    package var description: String { message }

    static func superseded(_ name: TokenName, _ current: Int) -> TokenError {
        TokenError(.superseded, "the token '\(name)' has moved on to version \(current)")
    }

    static func notFound(_ name: TokenName) -> TokenError {
        TokenError(.notFound, "there is no token '\(name)'", hint: "gatehouse token set \(name)")
    }
}
