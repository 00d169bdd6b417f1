package import GatehouseCore
internal import YAMLReader

extension Configuration {
    /// The names of a file's routes, tokens and stores, as far as it can be read, whatever is wrong with it: for the completion of words in a shell.
    package struct Names: Sendable, Equatable {
        package var routes: [String] = []
        /// Tokens that routes inject, and those that a template names.
        package var tokens: [String] = []
        package var stores: [String] = []
    }

    package static func names(path: String) -> Names {
        var names = Names()
        guard let bytes = try? bytes(of: path), case .mapping(let entries)? = YAMLReader.read(bytes).root?.content
        else {
            return names
        }
        for entry in entries {
            switch (entry.key, entry.value.content) {
            case (ConfigurationFields.stores.key, .mapping(let stores)): names.stores = stores.map(\.key)
            case (ConfigurationFields.routes.key, .sequence(let routes)): routes.forEach { names.add($0) }
            case _: break
            }
        }
        return names
    }
}

extension Configuration.Names {
    fileprivate mutating func add(_ route: YAMLNode) {
        guard case .mapping(let entries) = route.content,
            case .scalar(let scalar)? = entries.first(where: { $0.key == RouteFields.name.key })?.value.content,
            let name = try? RouteName(parsing: scalar.text)
        else { return }
        routes.append(name.text)
        guard case .mapping(let headers)? = entries.first(where: { $0.key == RouteFields.inject.key })?.value.content
        else {
            return
        }
        for header in headers {
            guard case .scalar(let value) = header.value.content,
                let template = try? Injection.Template(parsing: value.text, ownToken: name.ownToken)
            else { continue }
            for token in template.tokens where !tokens.contains(token.text) { tokens.append(token.text) }
        }
    }
}

extension Configuration {
    /// The parts of an assertion that its grants, deny lists and injected fields ask for.
    package var wantedAttributes: CallerAttributes.Wanted {
        let claims = routes.routes.flatMap { route in
            (route.policy.grants ?? []).flatMap { $0.callers.claims.map(\.path) }
                + route.injections.flatMap(\.value.claims)
        }
        return CallerAttributes.Wanted(groups: access.groups, claims: Set(claims))
    }
}
