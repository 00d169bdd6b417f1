internal import GatehouseCore

/// A route whose token is each caller's own.
struct PersonalInjection: Sendable {
    let token: TokenName
    /// The value that serves a caller without an own one; nil where nothing does.
    let shared: TokenValue?
    /// Where people connect theirs.
    let address: String

    /// - Returns: nil for a route without such a token.
    init?(_ route: Route, _ tokens: TokenSnapshot) {
        let personal = tokens.personal
        guard !personal.fallsBack.isEmpty,
            let token = route.injections.lazy.flatMap(\.value.tokens).first(where: { personal.fallsBack[$0] != nil }),
            case .exact(let host) = route.host
        else { return nil }
        self.token = token
        shared = tokens.tokens[token]
        address = Route.connectAddress(of: host, path: personal.path)
    }
}
