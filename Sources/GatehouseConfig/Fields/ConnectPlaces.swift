internal import GatehouseCore

/// The pages on which people connect their own tokens, beside the routes.
enum ConnectPlaces {
    static func check(_ path: PathPrefix, _ tokens: RenewedTokens, _ routes: [Route], _ decoding: Decoding) {
        let personal = Set(tokens.settings.filter { $0.value.personal != nil }.keys)
        let hosts = Set(routes.filter { !$0.tokens.isDisjoint(with: personal) }.map(\.host))
        for route in routes where !route.tokens.isDisjoint(with: personal) && route.path != .root {
            guard let claim = decoding.claims.first(where: { $0.name == route.name }) else { continue }
            decoding.warning(
                "people connect their tokens under \(path), which an Access application for \(route.path) alone does not cover",
                at: claim.nameSpan,
                hint: "let the application cover the whole host, or add the path to it"
            )
        }
        for route in routes where hosts.contains(route.host) {
            guard covers(path.text, route.path.text),
                let claim = decoding.claims.first(where: { $0.name == route.name })
            else { continue }
            decoding.error(
                "people connect their tokens under \(path), which is this route's path too",
                at: claim.nameSpan,
                hint: "connect_path: another path"
            )
        }
    }

    /// Whether a path is the other one or under it.
    private static func covers(_ path: String, _ other: String) -> Bool {
        other == path || other.hasPrefix(path == "/" ? path : path + "/")
    }
}
