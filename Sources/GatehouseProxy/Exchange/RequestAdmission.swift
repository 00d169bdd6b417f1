internal import GatehouseCore

/// Decides by a request's head alone whether its route admits it.
///
/// Grants speak of tools, prompts and resources. They would not limit a caller who could reach another part of the upstream than its MCP
/// endpoint, or who could give a request another meaning there: a server that has REST beside MCP answers `GET /items/2` with the same
/// token.
enum RequestAdmission {
    /// Why no request of this kind is forwarded.
    static func refusal(
        _ method: RequestMethod,
        path: UnsafeRawBufferPointer,
        prefix: Int,
        on route: PreparedRoute
    ) -> Reason? {
        switch method {
        case .neverForwarded: return .methodDenied
        case .other: if route.isGated { return .methodDenied }
        case .get, .head, .post, .delete, .options: break
        }
        let rest = UnsafeRawBufferPointer(rebasing: path.dropFirst(prefix))
        if let endpoints = route.route.endpoints, !endpoints.contains(rest) { return .pathDenied }
        return route.gatedPlaces.isTaken(rest) ? .pathAmbiguous : nil
    }

    /// Why a caller whom a gated route limits may not write at a path, where the route does not name its endpoints.
    ///
    /// - Parameter isLegacy: the request names a session of the legacy transport, which is the caller's.
    static func refusal(
        ofWriting method: RequestMethod,
        path: UnsafeRawBufferPointer,
        prefix: Int,
        isLegacy: Bool,
        wasTold: () -> Bool
    ) -> Reason? {
        guard method == .post || method == .delete else { return nil }
        switch UsualEndpoint(UnsafeRawBufferPointer(rebasing: path.dropFirst(prefix))) {
        case .endpoint: return nil
        case .messages: return isLegacy ? nil : .pathDenied
        case nil: return isLegacy && wasTold() ? nil : .pathDenied
        }
    }

    /// Why a caller whom a gated route limits may not make a request.
    ///
    /// - Parameter hasSession: the request names a session in its field, which is the caller's.
    static func refusal(
        ofLimited method: RequestMethod,
        _ head: RequestHead,
        _ bytes: Span<UInt8>,
        hasSession: Bool
    ) -> Reason? {
        switch method {
        case .post: nil
        case .delete: hasSession ? nil : .sessionUnknown
        case .get, .head, .options, .neverForwarded, .other: head.acceptsEventStream(bytes) ? nil : .principalDenied
        }
    }

    /// The part of an answer that a limited caller gets. Only event streams and, to a POST, JSON carry MCP: anything else could be a list of what it
    /// may not see, in a form that Gatehouse cannot read.
    enum Answered {
        case passes
        /// The status says enough; the body could be anything.
        case passesWithoutBody
        case refused
    }

    /// - Parameter isAwaited: the caller expects content in the answer. Servers of the legacy transport take a message with a 202 and a word in it.
    static func answer(toLimited method: RequestMethod, _ answer: AnsweredHead, isAwaited: Bool) -> Answered {
        switch method {
        case .delete: return .passesWithoutBody
        case .post:
            // A status that says that something is wrong may say it in JSON, too. A part of a text is no JSON.
            if !answer.hasBody || answer.status != 206 && (answer.isJSON || answer.isEventStream) { return .passes }
            return answer.isSuccess && isAwaited && answer.status != 202 ? .refused : .passesWithoutBody
        case .get, .head, .options, .neverForwarded, .other:
            guard answer.isSuccess else { return .passesWithoutBody }
            return answer.isEventStream ? .passes : .refused
        }
    }

    /// The line that a 405 has (RFC 9110 section 15.5.6).
    static func allow(_ route: PreparedRoute?) -> StaticString {
        route?.isGated ?? false
            ? "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n"
            : "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
    }
}
