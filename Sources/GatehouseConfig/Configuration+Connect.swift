package import GatehouseCore

/// Renewed and personal tokens, and the routes on which people connect their own.
extension Configuration {
    /// The tokens that are one for all callers and renew themselves.
    package var renewedTokens: [TokenName: RenewalSettings] { tokens.compactMapValues(\.renewal) }
    /// The tokens of which each caller has an own one.
    package var personalTokens: [TokenName: PersonalSettings] { tokens.compactMapValues(\.personal) }
    package var personalNames: TokenSnapshot.PersonalNames {
        TokenSnapshot.PersonalNames(personalTokens.mapValues { $0.fallback == .route }, path: connectPath)
    }

    /// The routes, and for each host with personal tokens the one of its page.
    ///
    /// - Parameter document: that describes Gatehouse as a client: its name below the page and its text, by the address of the page.
    package func served(_ document: (_ page: String) -> (name: String, json: [UInt8])) -> RouteTable {
        let pages = connectRoutes(document)
        return pages.isEmpty ? routes : RouteTable(routes.routes + pages)
    }

    /// The routes of the pages: who may use one of the host's routes with a personal token may see the page.
    private func connectRoutes(_ document: (_ page: String) -> (name: String, json: [UInt8])) -> [Route] {
        let personal = Set(personalTokens.keys)
        var audiences: [Host: Set<String>] = [:]
        for route in routes.routes where !route.tokens.isDisjoint(with: personal) {
            guard case .exact(let host) = route.host else { continue }
            audiences[host, default: []].formUnion(route.audiences)
        }
        let isClient = personalTokens.values.contains { $0.connect.client == .document }
        return audiences.sorted { $0.key.name < $1.key.name }
            .map { host, audiences in
                var published: Route.PublicDocument?
                if isClient {
                    let (name, json) = document(Route.connectAddress(of: host, path: connectPath))
                    published = Route.PublicDocument(path: connectPath.folder + name, json: json)
                }
                return Route.connectPage(host: host, path: connectPath, audiences: audiences, document: published)
            }
    }
}
