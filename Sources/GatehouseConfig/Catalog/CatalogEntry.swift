internal import GatehouseCore

/// A known MCP server: how it takes its token, and which headers and parameters of a client would aim that token elsewhere, replace it or
/// widen what it is used for. docs/MCP_SERVER_CATALOG.md has a row for each; a test compares the two.
package struct CatalogEntry: Sendable {
    /// The name of the route, of its token and of the example in config/.
    package let name: String
    /// A one-line title, for a user who chooses from a list.
    package let title: String
    package let upstream: String
    package let isMCP: Bool
    package let inject: [(name: String, value: String)]
    package let stripHeaders: [String]
    package let stripQuery: [String]
    /// Whether a route to this upstream gets a warning when it does not strip all of ``stripHeaders`` and ``stripQuery``.
    package let needsStrip: Bool
    private let upstreamHost: String?
    /// The headers that no other server takes.
    private let ownHeaders: [HeaderName]

    package init(
        name: String,
        title: String,
        upstream: String,
        isMCP: Bool = true,
        inject: [(name: String, value: String)],
        stripHeaders: [String] = [],
        stripQuery: [String] = [],
        needsStrip: Bool = true
    ) {
        self.name = name
        self.title = title
        self.upstream = upstream
        self.isMCP = isMCP
        self.inject = inject
        self.stripHeaders = stripHeaders
        self.stripQuery = stripQuery
        self.needsStrip = needsStrip
        upstreamHost =
            if case .tcp(let host, _)? = (try? Upstream(parsing: upstream))?.endpoint { host } else { nil }
        ownHeaders = inject.compactMap { try? HeaderName(parsing: $0.name) }.filter { $0.folded != "authorization" }
    }

    /// Whether a route leads to this server, as far as a route shows it: by the host of its upstream, or by a header that no other server takes.
    func isUpstream(of route: Route) -> Bool {
        if case .tcp(let host, _) = route.upstream.endpoint, host == upstreamHost { return true }
        return ownHeaders.contains { name in route.injections.contains { $0.name == name } }
    }

    /// The patterns and parameters of this entry that a route does not strip.
    func unstripped(by strip: Route.Strip) -> (headers: [String], query: [String]) {
        let headers = stripHeaders.filter { text in
            guard let wanted = try? HeaderPattern(parsing: text) else { return false }
            return !strip.headers.contains { $0.covers(wanted) }
        }
        return (headers, stripQuery.filter { !strip.query.contains($0) })
    }
}

extension HeaderPattern {
    /// Whether this pattern covers every name that `other` covers.
    fileprivate func covers(_ other: HeaderPattern) -> Bool {
        isPrefix ? other.folded.hasPrefix(folded) : !other.isPrefix && other.folded == folded
    }
}
