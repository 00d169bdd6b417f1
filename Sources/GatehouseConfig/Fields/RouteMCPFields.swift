internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `mcp`.
struct RouteMCPFields {
    static let errorsAs200 = Field(
        "errors_as_200",
        .boolean,
        .fallback(false),
        "Answer a call that fails with a 5xx, or is over its rate, with HTTP 200 and the JSON-RPC error, for clients that give up on a 5xx."
    )
    static let paths = Field(
        "paths",
        Shape<[PathPrefix]>.list(
            of: .pathPrefix,
            minimum: 1,
            wanted: "a list of path prefixes"
        ),
        "Where the upstream speaks MCP, below the route's `path` and on whole segments, `/` for that path alone; other paths are 404. Omitted: everywhere; but who is limited by a grant writes (POST, DELETE) only at the route's `path` itself, below a first segment with the word `mcp`, at a last one of `mcp` or `sse`, and where the legacy transport's messages go."
    )

    var errorsAs200 = false
    var endpoints: EndpointPaths?

    static let all = [errorsAs200.form, paths.form]

    static let shape = Shape<RouteMCPFields>.mapping(
        all,
        wanted: "mcp",
        show: { .mapping([(errorsAs200.key, errorsAs200.shape.show($0.errorsAs200))]) },
        read: { keys, _ in
            let errorsAs200 = keys.read(errorsAs200)
            let paths = keys.read(paths)
            // Absent, or wrong and reported.
            guard let errorsAs200, paths != nil || !keys.has(Self.paths.key) else { return nil }
            return RouteMCPFields(errorsAs200: errorsAs200, endpoints: paths.map { EndpointPaths($0) })
        }
    )
}
