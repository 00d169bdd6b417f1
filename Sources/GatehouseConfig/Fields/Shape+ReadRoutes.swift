internal import GatehouseCore
internal import YAMLReader

extension Shape where Value == Route {
    /// The same shape, for a list whose routes may have been read before.
    var unlessRead: Shape {
        Shape(form, show: show) { node, decoding in
            if let known = decoding.routes.known(node, namedBy: RouteFields.name.key) {
                decoding.claims.append(known.claim)
                for warning in known.warnings { decoding.add(warning) }
                for doubt in known.doubts { decoding.doubt(doubt) }
                decoding.routes.take(known)
                return Decoded(value: known.route, shown: .lines(known.lines))
            }
            let (errors, redactions) = (decoding.errors, decoding.redactions.count)
            decoding.routes.begin()
            guard let decoded = decode(node, decoding) else { return nil }
            let lines = decoded.shown.text(indent: Configuration.indentOfRoutes, isBehindDash: true)
            if decoding.errors == errors, decoding.redactions.count == redactions, let claim = decoding.claims.last {
                decoding.routes.keep(decoded.value, lines, claim, at: node.spanOfValues)
            }
            return Decoded(value: decoded.value, shown: .lines(lines))
        }
    }
}

extension Configuration {
    static let indentOfRoutes = 4

    /// The effective configuration, part by part: the routes are the last key.
    static func parts(_ draft: Decoded<Draft>) -> [Part] {
        guard case .mapping(let entries) = draft.shown else { return [] }
        return entries.flatMap { key, value -> [Part] in
            guard key == ConfigurationFields.routes.key, case .list(let items) = value else {
                return [Part(name: key, text: Shown.mapping([(key, value)]).yaml)]
            }
            let routes = zip(draft.value.routes, items).map { route, item -> Part in
                let text = item.text(indent: indentOfRoutes, isBehindDash: true)
                return Part(name: "route \(route.name)", text: "  - \(text)")
            }
            return [Part(name: key, text: "\(key):\n")] + routes
        }
    }
}
