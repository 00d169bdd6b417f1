internal import GatehouseCore
internal import YAMLReader

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
        guard let place = Self.place(in: text) else { throw unplaceable(file) }
        let added = lines.map { String(repeating: " ", count: place.indent) + $0 }
        var whole = Array(text[..<place.offset])
        if whole.last.map({ $0 != 0x0A }) ?? false { whole.append(0x0A) }
        if place.isSpaced { whole.append(0x0A) }
        for line in added { whole += Array(line.utf8) + [0x0A] }
        whole += text[place.offset...]
        let configuration = try Configuration(parsing: whole, file: file, environment: environment)
        guard configuration.routes.routes.count == before.routes.routes.count + 1 else { throw unplaceable(file) }
        return (whole, added, configuration)
    }

    private func unplaceable(_ file: String) -> ConfigurationError {
        let diagnostic = Diagnostic(
            .error,
            file: file,
            message: "the routes are not written as one '-' a line, so none can be put behind them",
            hint: "write them as a block list, each on lines of its own"
        )
        return ConfigurationError(.invalid, [diagnostic])
    }

    /// Where the entry goes: behind the last line of the last route, comments that belong to it included.
    private static func place(in text: [UInt8]) -> (offset: Int, indent: Int, isSpaced: Bool)? {
        guard case .mapping(let entries) = YAMLReader.read(text).root?.content,
            let routes = entries.first(where: { $0.key == "routes" })?.value,
            case .sequence(let items) = routes.content, let last = items.last
        else { return nil }
        let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
        func indent(_ line: ArraySlice<UInt8>) -> Int { line.prefix { $0 == 0x20 }.count }
        func isBlank(_ line: ArraySlice<UInt8>) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x0D } }
        func isComment(_ line: ArraySlice<UInt8>) -> Bool { line.drop { $0 == 0x20 }.first == 0x23 }
        // The dash stands on the line of the route's first key, or on one before it.
        var first = last.span.start.line - 1
        guard lines.indices.contains(first) else { return nil }
        while first > routes.span.start.line - 1, lines[first].drop(while: { $0 == 0x20 }).first != 0x2D { first -= 1 }
        let margin = indent(lines[first])
        guard lines[first].dropFirst(margin).first == 0x2D else { return nil }
        var end = first + 1
        var next = end
        while next < lines.count, isBlank(lines[next]) || indent(lines[next]) > margin {
            next += 1
            // Blank lines behind the route, and comments behind them, belong to what follows.
            if !isBlank(lines[next - 1]) { end = next }
        }
        let offset = min(lines[..<end].reduce(0) { $0 + $1.count + 1 }, text.count)
        let isSpaced = items.count > 1 && first > 0 && isBlank(lines[first - 1])
        return (offset, margin, isSpaced)
    }
}
