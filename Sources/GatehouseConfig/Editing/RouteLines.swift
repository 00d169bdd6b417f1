internal import YAMLReader

/// The positions of the routes in a file's text, each on lines of its own. Lines between and around them belong to no route.
struct RouteLines {
    /// The lines of the whole file, without their line breaks.
    let lines: [ArraySlice<UInt8>]
    /// The lines of each route, from its dash to its last; comments within it included.
    let routes: [(name: String, lines: Range<Int>)]
    /// Blanks before each dash.
    let margin: Int

    /// Nil when the routes are not written as one '-' a line.
    init?(_ text: [UInt8]) {
        guard case .mapping(let entries) = YAMLReader.read(text).root?.content,
            let list = entries.first(where: { $0.key == "routes" })?.value,
            case .sequence(let items) = list.content, !items.isEmpty
        else { return nil }
        let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
        self.lines = lines
        var routes: [(name: String, lines: Range<Int>)] = []
        var margin: Int?
        for item in items {
            // The dash stands on the line of the route's first key, or on one before it.
            var first = item.span.start.line - 1
            guard lines.indices.contains(first) else { return nil }
            let least = max(routes.last?.lines.upperBound ?? 0, list.span.start.line - 1)
            while first > least, lines[first].drop(while: { $0 == 0x20 }).first != 0x2D { first -= 1 }
            let indent = Self.indent(lines[first])
            guard lines[first].dropFirst(indent).first == 0x2D, margin ?? indent == indent else { return nil }
            margin = indent
            var end = first + 1
            var next = end
            while next < lines.count, Self.isBlank(lines[next]) || Self.indent(lines[next]) > indent {
                next += 1
                // Blank lines behind the route, and comments behind them, belong to what follows.
                if !Self.isBlank(lines[next - 1]) { end = next }
            }
            guard first >= routes.last?.lines.upperBound ?? 0 else { return nil }
            routes.append((Self.name(of: item), first..<end))
        }
        self.routes = routes
        self.margin = margin ?? 0
    }

    /// The same with the comments that stand directly above, which are about it.
    func withComments(_ route: Range<Int>) -> Range<Int> {
        var first = route.lowerBound
        while first > 0, Self.isComment(lines[first - 1]), Self.indent(lines[first - 1]) == margin { first -= 1 }
        return first..<route.upperBound
    }

    func text(_ range: Range<Int>) -> [String] { lines[range].map { String(decoding: $0, as: UTF8.self) } }

    /// Bytes before a line.
    func offset(ofLine line: Int, in text: [UInt8]) -> Int {
        min(lines[..<line].reduce(0) { $0 + $1.count + 1 }, text.count)
    }

    func isBlank(line: Int) -> Bool { lines.indices.contains(line) && Self.isBlank(lines[line]) }

    private static func name(of item: YAMLNode) -> String {
        guard case .mapping(let entries) = item.content,
            case .scalar(let scalar)? = entries.first(where: { $0.key == "name" })?.value.content
        else { return "" }
        return scalar.text
    }

    private static func indent(_ line: ArraySlice<UInt8>) -> Int { line.prefix { $0 == 0x20 }.count }
    private static func isBlank(_ line: ArraySlice<UInt8>) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x0D } }
    private static func isComment(_ line: ArraySlice<UInt8>) -> Bool { line.drop { $0 == 0x20 }.first == 0x23 }
}
