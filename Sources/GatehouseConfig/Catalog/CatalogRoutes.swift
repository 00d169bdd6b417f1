internal import GatehouseCore

/// Routes to servers of the ``Catalog``.
enum CatalogRoutes {
    /// Warns of each route that lets through what a client could turn against the token that the route injects.
    static func check(_ routes: [Route], _ decoding: Decoding) {
        for (index, route) in routes.enumerated() where route.injections.contains(where: { !$0.value.tokens.isEmpty }) {
            guard let entry = Catalog.entries.first(where: { $0.needsStrip && $0.isUpstream(of: route) }) else {
                continue
            }
            let (headers, query) = entry.unstripped(by: route.strip)
            guard !headers.isEmpty || !query.isEmpty else { continue }
            let missing = headers + query.map { "the parameter \($0)" }
            decoding.warning(
                "this looks like the server '\(entry.name)' of the catalog: a client's \(missing.joined(separator: ", ")) would pass",
                at: decoding.claims[index].nameSpan,
                hint: "strip: \(hint(entry))"
            )
        }
    }

    private static func hint(_ entry: CatalogEntry) -> String {
        let headers = entry.stripHeaders.map { $0.hasSuffix("*") ? "\"\($0)\"" : $0 }
        let query = entry.stripQuery.isEmpty ? "" : ", query: [\(entry.stripQuery.joined(separator: ", "))]"
        return "{ headers: [\(headers.joined(separator: ", "))]\(query) }"
    }
}
