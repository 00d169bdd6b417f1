package import GatehouseCore

/// A route as a file writes it, and the file without it.
package struct RouteText: Sendable {
    /// The route's lines, with the comments in it and directly above it.
    package let lines: [String]
    /// The whole file without these lines; everything else in it, comments too, stays as it is.
    package let rest: [UInt8]

    /// - Throws: ``ConfigurationError`` when the file is not good as it is, or is laid out so that no route can be taken out.
    package init?(
        of name: RouteName,
        in text: [UInt8],
        file: String,
        environment: Environment = .process
    ) throws(ConfigurationError) {
        let configuration = try Configuration(parsing: text, file: file, environment: environment)
        guard let index = configuration.routes.routes.firstIndex(where: { $0.name == name }) else { return nil }
        // The route is found by its position, because its name may be substituted.
        guard let routes = RouteLines(text), routes.routes.count == configuration.routes.routes.count else {
            throw .unplaceable(file)
        }
        let range = routes.withComments(routes.routes[index].lines)
        lines = routes.text(range)
        var end = range.upperBound
        // The blank line that set it apart.
        if routes.isBlank(line: end), range.lowerBound == 0 || routes.isBlank(line: range.lowerBound - 1) { end += 1 }
        let start = routes.offset(ofLine: range.lowerBound, in: text)
        rest = Array(text[..<start] + text[routes.offset(ofLine: end, in: text)...])
    }

    /// Whether the rest is the same configuration without the route.
    ///
    /// - Throws: ``ConfigurationError`` when it is none: the last route cannot be taken out.
    package func check(
        without name: RouteName,
        from text: [UInt8],
        file: String,
        environment: Environment = .process
    ) throws(ConfigurationError) {
        let before = try Configuration(parsing: text, file: file, environment: environment).routes.routes.map(\.name)
        let after = try Configuration(parsing: rest, file: file, environment: environment).routes.routes.map(\.name)
        guard before.filter({ $0 != name }) == after else { throw .unplaceable(file) }
    }
}
