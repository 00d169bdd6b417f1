internal import GatehouseCore

/// A route that is to be written into a file. What its values may be is checked by reading the file with it.
package struct RouteDraft: Sendable {
    package var name: String
    package var host: String
    package var path: String?
    package var audiences: [String]
    package var upstream: String
    package var speech: String?
    package var inject: [(name: String, value: String)] = []
    package var stripHeaders: [String] = []
    package var stripQuery: [String] = []
    package var allowedUsers: [String] = []

    package init(name: String, host: String, audiences: [String], upstream: String) {
        self.name = name
        self.host = host
        self.audiences = audiences
        self.upstream = upstream
    }

    /// The entry of `routes`, without its indentation. Values stand as given: variables in them stay variables.
    var lines: [String] {
        var entries: [(key: String, value: Shown)] = [("name", .text(name)), ("host", .text(host))]
        if let path { entries.append(("path", .text(path))) }
        entries.append(("audience", .list(audiences.map { .text($0) })))
        entries.append(("upstream", .text(upstream)))
        if let speech { entries.append(("protocol", .text(speech))) }
        if !inject.isEmpty { entries.append(("inject", .mapping(inject.map { ($0.name, .text($0.value)) }))) }
        var strip: [(key: String, value: Shown)] = []
        if !stripHeaders.isEmpty { strip.append(("headers", .list(stripHeaders.map { .text($0) }))) }
        if !stripQuery.isEmpty { strip.append(("query", .list(stripQuery.map { .text($0) }))) }
        if !strip.isEmpty { entries.append(("strip", .mapping(strip))) }
        if !allowedUsers.isEmpty {
            let grant = Shown.mapping([("users", .list(allowedUsers.map { .text($0) }))])
            entries.append(("allow", .list([grant])))
        }
        return Shown.list([.mapping(entries)]).yaml.split(separator: "\n").map(String.init)
    }

    /// A file with this route behind its last one; everything else in it, comments too, stays as it is.
    ///
    /// - Returns: the new text, the lines that were added, and what the text says.
    /// - Throws: ``ConfigurationError`` when the file is not good as it is, is laid out so that no route can be put into it, or would not be
    ///   good with the route.
    package func added(
        to text: [UInt8],
        file: String,
        environment: Environment = .process
    ) throws(ConfigurationError) -> (text: [UInt8], lines: [String], configuration: Configuration) {
        let before = try Configuration(parsing: text, file: file, environment: environment)
        guard let place = Self.place(in: text) else { throw .unplaceable(file) }
        let added = lines.map { String(repeating: " ", count: place.indent) + $0 }
        var whole = Array(text[..<place.offset])
        if whole.last.map({ $0 != 0x0A }) ?? false { whole.append(0x0A) }
        if place.isSpaced { whole.append(0x0A) }
        for line in added { whole += Array(line.utf8) + [0x0A] }
        whole += text[place.offset...]
        let configuration = try Configuration(parsing: whole, file: file, environment: environment)
        guard configuration.routes.routes.count == before.routes.routes.count + 1 else { throw .unplaceable(file) }
        return (whole, added, configuration)
    }

    /// The position of the new entry: behind the last line of the last route, comments that belong to it included.
    private static func place(in text: [UInt8]) -> (offset: Int, indent: Int, isSpaced: Bool)? {
        guard let routes = RouteLines(text), let last = routes.routes.last?.lines else { return nil }
        let isSpaced = routes.routes.count > 1 && routes.isBlank(line: last.lowerBound - 1)
        return (routes.offset(ofLine: last.upperBound, in: text), routes.margin, isSpaced)
    }
}

extension ConfigurationError {
    static func unplaceable(_ file: String) -> ConfigurationError {
        let diagnostic = Diagnostic(
            .error,
            file: file,
            message: "the routes are not written as one '-' a line, so none can be put behind them or taken out",
            hint: "write them as a block list, each on lines of its own"
        )
        return ConfigurationError(.invalid, [diagnostic])
    }
}
