package import GatehouseCore
package import GatehouseTokens

/// The personal tokens of a configuration, and the routes on which they are used.
package struct ConnectSite: Sendable {
    /// The place of the page on each host, with `/` at both ends.
    package static let defaultPath = "/.gatehouse/"

    package let path: String
    package let routes: [Route]
    package let tokens: [TokenName: ConnectableToken]
    /// The beginning of the addresses of a host, as browsers see it.
    let origin: @Sendable (Host) -> String

    package init(path: String = ConnectSite.defaultPath, routes: [Route], tokens: [ConnectableToken]) {
        self.init(path: path, routes: routes, tokens: tokens) { "https://\($0.name)" }
    }

    init(
        path: String,
        routes: [Route],
        tokens: [ConnectableToken],
        origin: @escaping @Sendable (Host) -> String
    ) {
        self.path = path
        self.routes = routes
        self.tokens = Dictionary(tokens.map { ($0.name, $0) }) { first, _ in first }
        self.origin = origin
    }

    func page(of host: Host) -> String { origin(host) + path }

    /// The tokens that somebody can have on a host.
    func tokens(on host: Host, for audiences: Set<String>) -> [ConnectableToken] {
        routes.filter { $0.host == .exact(host) && !$0.audiences.isDisjoint(with: audiences) }
            .reduce(into: Set<TokenName>()) { $0.formUnion($1.tokens) }
            .sorted().compactMap { tokens[$0] }
    }

    /// The addresses of the pages on which a token can be connected, the one of the host first.
    func pages(of token: TokenName, on host: Host) -> [String] {
        let hosts = routes.filter { $0.tokens.contains(token) }.compactMap { route -> Host? in
            if case .exact(let other) = route.host, other != host { other } else { nil }
        }
        return ([host] + Set(hosts).sorted { $0.name < $1.name }).map(page)
    }

    /// The routes of a host that use a token and can prove it.
    func probes(of token: TokenName, on host: Host) -> [TokenProbe] {
        routes.filter { $0.host == .exact(host) && $0.tokens.contains(token) }
            .compactMap { TokenProbe(of: token, on: $0) }
    }
}
