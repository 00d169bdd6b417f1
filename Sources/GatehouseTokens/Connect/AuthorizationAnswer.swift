package import GatehouseCore

/// The query with which a vendor sends somebody's browser back (RFC 6749 sections 4.1.2 and 4.1.2.1).
package struct AuthorizationAnswer: Sendable {
    package enum Content: Sendable {
        case code(Secret)
        /// - Parameter code: of the RFC's alphabet; nil for any other text.
        case error(code: String?)
    }

    let state: String
    let issuer: String?
    let content: Content

    /// - Returns: nil for what is no answer at all.
    package init?(_ query: FormFields) {
        guard let state = query["state"] else { return nil }
        self.state = state
        issuer = query["iss"]
        if let error = query["error"] {
            content = .error(code: TokenAnswer.code(error))
        } else {
            guard let code = query.secret("code"), (1...TokenAnswer.maximumToken).contains(code.count) else {
                return nil
            }
            content = .code(code)
        }
    }
}
