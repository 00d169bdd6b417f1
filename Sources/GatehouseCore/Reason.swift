/// Why a request was refused. The raw value is what audit rows, log lines and metrics say; callers see only
/// ``publicCode``.
package enum Reason: String, Sendable, CaseIterable {
    case requestMalformed = "request_malformed"
    case pathAmbiguous = "path_ambiguous"
    case rpcMalformed = "rpc_malformed"
    case rpcHeaderMismatch = "rpc_header_mismatch"

    case assertionMissing = "assertion_missing"
    case assertionDuplicate = "assertion_duplicate"
    case assertionMalformed = "assertion_malformed"
    case assertionAlgorithm = "assertion_algorithm"
    case assertionKeyUnknown = "assertion_key_unknown"
    case assertionSignature = "assertion_signature"
    case assertionType = "assertion_type"
    case assertionIssuer = "assertion_issuer"
    case assertionAudience = "assertion_audience"
    case assertionExpired = "assertion_expired"
    case assertionNotYetValid = "assertion_not_yet_valid"
    case assertionTooOld = "assertion_too_old"
    case assertionDenied = "assertion_denied"
    case bearerUnknown = "bearer_unknown"
    case bearerExpired = "bearer_expired"

    /// The issuer's identity endpoint does not take the caller's assertion, or answers about another person.
    case identityRefused = "identity_refused"

    case principalDenied = "principal_denied"
    /// The route injects a claim that the caller does not have in a form that a field can carry.
    case claimMissing = "claim_missing"
    case originDenied = "origin_denied"

    /// A method that no route forwards, or that a route of MCP has no use for.
    case methodDenied = "method_denied"
    /// A websocket on a route whose answers are searched for secrets, which one cannot be.
    case webSocketDenied = "websocket_denied"

    case routeUnknown = "route_unknown"
    /// A path beside the endpoints that the route names.
    case pathDenied = "path_denied"
    case sessionUnknown = "session_unknown"

    /// The client went away or stalled before the body that the decision waited for was whole. No response is sent.
    case bodyIncomplete = "body_incomplete"
    case bodyTooLarge = "body_too_large"
    case targetTooLong = "target_too_long"
    case headersTooLarge = "headers_too_large"

    case rateLimited = "rate_limited"

    case upstreamUnreachable = "upstream_unreachable"
    case upstreamReset = "upstream_reset"
    case upstreamMalformed = "upstream_malformed"
    case upstreamCredentialRejected = "upstream_credential_rejected"
    /// The upstream answered a call with a 5xx that is no JSON-RPC answer.
    case upstreamError = "upstream_error"
    /// The upstream gave a caller who asked for an event stream, and may have nothing else, another answer.
    case upstreamNotMCP = "upstream_not_mcp"
    /// The upstream gave back a secret that Gatehouse injects. It was taken out of the answer, or the answer was refused or cut.
    case secretReflected = "secret_reflected"
    /// The upstream compressed an answer that is to be searched for secrets.
    case upstreamEncoded = "upstream_encoded"

    case keysUnavailable = "keys_unavailable"
    /// The caller's groups and claims cannot be fetched, and the route asks for them.
    case identityUnavailable = "identity_unavailable"
    /// It was never read since the start whom operators deny by command, and the caller could be one of them.
    case denialsUnavailable = "denials_unavailable"
    case tokenUnavailable = "token_unavailable"
    /// The route's token is personal, and the caller has none.
    case tokenMissing = "token_missing"
    /// The caller's own token is not taken any more.
    case tokenNeedsConnecting = "token_needs_connecting"
    case auditUnavailable = "audit_unavailable"
    case overloaded
    case draining

    case upstreamTimeout = "upstream_timeout"

    case toolDenied = "tool_denied"
    case promptDenied = "prompt_denied"
    case resourceDenied = "resource_denied"
    /// The caller may use the tool, and not with these arguments.
    case argumentsDenied = "arguments_denied"
    /// The tool is not defined as it was approved, or was never approved.
    case toolUnapproved = "tool_unapproved"
    /// A call without a target that could be asked of the grants, or nested deeper than is looked at.
    case targetMalformed = "target_malformed"
    /// The reason of a message that was refused with its batch because another message in it was denied. It stands in the audit only; the caller gets
    /// the reason of the denied message.
    case batchDenied = "batch_denied"

    /// A task that the caller does not have.
    case taskUnknown = "task_unknown"
    /// A `requestState` that the caller was not given for this call.
    case requestStateUnknown = "request_state_unknown"
    /// `tasks/list`: the upstream's answer would hold everybody's.
    case tasksListDenied = "tasks_list_denied"
}

/// The coarse code a caller sees; the precise ``Reason`` is found again by request id.
package enum PublicCode: String, Sendable {
    case badRequest = "bad_request"
    case unauthenticated
    case forbidden
    case methodNotAllowed = "method_not_allowed"
    case notFound = "not_found"
    case tooLarge = "too_large"
    case rateLimited = "rate_limited"
    case upstreamFailed = "upstream_failed"
    case unavailable
    case upstreamTimeout = "upstream_timeout"
}

/// The one table that maps a reason to the caller's response.
extension Reason {
    package struct Answer: Sendable {
        package let status: Int
        package let code: PublicCode
        /// Plain words for the caller. Holds none of the substrings some clients search errors for ("404", "405",
        /// "Not Found", "Unauthorized") and nothing about the request.
        package let message: StaticString
    }

    /// Whether the request had been allowed before this befell it: the upstream failed, not the caller.
    package var followsAllow: Bool {
        switch self {
        case .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .upstreamCredentialRejected, .upstreamError,
            .upstreamNotMCP, .secretReflected, .upstreamEncoded, .upstreamTimeout:
            true
        case _: false
        }
    }

    package var publicCode: PublicCode { answer.code }
    package var status: Int { answer.status }

    package var answer: Answer {
        switch self {
        case .targetMalformed:
            // Answered as a JSON-RPC error in a 200 to whom an answer is due.
            Answer(status: 400, code: .badRequest, message: "The call names nothing that could be looked up.")
        case .requestMalformed, .pathAmbiguous, .rpcMalformed, .rpcHeaderMismatch, .bodyIncomplete:
            Answer(status: 400, code: .badRequest, message: "The request is malformed or ambiguous.")
        case .assertionMissing, .assertionDuplicate, .assertionMalformed, .assertionAlgorithm, .assertionKeyUnknown,
            .assertionSignature, .assertionType, .assertionIssuer, .assertionAudience, .assertionExpired,
            .assertionNotYetValid, .assertionTooOld, .assertionDenied, .bearerUnknown, .bearerExpired,
            .identityRefused:
            Answer(status: 401, code: .unauthenticated, message: "The caller could not be authenticated.")
        case .principalDenied, .claimMissing, .originDenied, .webSocketDenied:
            Answer(status: 403, code: .forbidden, message: "The caller may not use this route.")
        case .methodDenied:
            Answer(status: 405, code: .methodNotAllowed, message: "This route takes no request of this kind.")
        case .routeUnknown, .pathDenied, .sessionUnknown:
            Answer(status: 404, code: .notFound, message: "Nothing is served here.")
        case .bodyTooLarge:
            Answer(status: 413, code: .tooLarge, message: "The request body is too large.")
        case .targetTooLong:
            Answer(status: 414, code: .tooLarge, message: "The request target is too long.")
        case .headersTooLarge:
            Answer(status: 431, code: .tooLarge, message: "The request has too many or too large header fields.")
        case .rateLimited:
            Answer(status: 429, code: .rateLimited, message: "Too many requests; retry later.")
        case .upstreamUnreachable, .upstreamReset, .upstreamMalformed, .upstreamCredentialRejected, .upstreamError,
            .upstreamNotMCP, .secretReflected, .upstreamEncoded:
            Answer(status: 502, code: .upstreamFailed, message: "The service behind this route failed.")
        case .keysUnavailable, .identityUnavailable, .denialsUnavailable, .tokenUnavailable, .auditUnavailable,
            .overloaded, .draining:
            Answer(status: 503, code: .unavailable, message: "The gateway cannot serve this request now.")
        case .upstreamTimeout:
            Answer(
                status: 504,
                code: .upstreamTimeout,
                message: "The service behind this route did not answer in time."
            )
        case .tokenMissing, .tokenNeedsConnecting:
            // Never a 401: a client would begin to sign in again, and come back to the same.
            Answer(status: 403, code: .forbidden, message: "The caller has to connect an own account first.")
        case .toolDenied, .promptDenied, .resourceDenied, .batchDenied:
            // Answered as a JSON-RPC error in a 200; a plain refusal of these is never sent.
            Answer(status: 200, code: .forbidden, message: "The caller may not make this call.")
        case .argumentsDenied:
            Answer(status: 200, code: .forbidden, message: "The caller may not make this call with these arguments.")
        case .toolUnapproved:
            Answer(
                status: 200,
                code: .forbidden,
                message: "The tool is not offered as it was approved; an operator has to look at it."
            )
        case .taskUnknown:
            Answer(status: 200, code: .forbidden, message: "The task is unknown.")
        case .requestStateUnknown:
            Answer(status: 200, code: .forbidden, message: "The request state is unknown.")
        case .tasksListDenied:
            Answer(status: 200, code: .forbidden, message: "The method is not offered here.")
        }
    }
}
