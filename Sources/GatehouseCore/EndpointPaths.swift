/// The paths below a route's prefix at which its upstream speaks MCP. No caller may use another path.
package struct EndpointPaths: Hashable, Sendable {
    /// The paths, matched on whole segments; `/` is the route's prefix itself and nothing below it.
    package let paths: [PathPrefix]

    package init(_ paths: [PathPrefix]) { self.paths = paths }

    /// - Parameter rest: what follows the route's prefix in a path: empty, or starting with `/`.
    package func contains(_ rest: UnsafeRawBufferPointer) -> Bool {
        let isPrefixItself = rest.isEmpty || rest.count == 1
        for path in paths where path == .root ? isPrefixItself : path.match(rest) != nil { return true }
        return false
    }
}
