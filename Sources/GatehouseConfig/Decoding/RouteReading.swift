internal import GatehouseCore
internal import YAMLReader

/// A route as a reading found it. The next reading of the file takes it where its text is the same, so that a reload takes as long as what changed:
/// of a thousand routes it would decode, write out and compare all.
struct ReadRoute: Sendable {
    let route: Route
    /// Its lines of the effective configuration.
    let lines: String
    /// Where it stands in the text, up to the end of its last value: behind that, a mapping goes on to what follows it.
    let span: YAMLSpan
    let claim: RouteClaim
    let warnings: [Decoding.Problem]
    let doubts: [Decoding.Problem]

    /// The same route where it stands in another text.
    func moved(to span: YAMLSpan) -> ReadRoute {
        let (lines, bytes) = (span.start.line - self.span.start.line, span.start.offset - self.span.start.offset)
        return ReadRoute(
            route: route,
            lines: self.lines,
            span: span,
            claim: claim.moved(lines, bytes),
            warnings: warnings.map { $0.moved(lines, bytes) },
            doubts: doubts.map { $0.moved(lines, bytes) }
        )
    }
}

/// The routes of the reading before, and of this one for the next.
struct RouteReading {
    private(set) var read: [ReadRoute] = []

    private let text: ArraySlice<UInt8>
    private let formerText: ArraySlice<UInt8>
    private var former: [RouteName: ReadRoute] = [:]
    /// The warnings and doubts about the route that is being read.
    private var (warnings, doubts): ([Decoding.Problem], [Decoding.Problem]) = ([], [])
    private var asksEnvironment = false

    /// A reading that knows of none and keeps none.
    init() { (text, formerText) = ([], []) }

    init(of text: [UInt8], after configuration: Configuration?) {
        self.text = SourceText.content(of: text)
        formerText = SourceText.content(of: configuration?.text ?? [])
        for route in configuration?.readRoutes ?? [] { former[route.route.name] = route }
    }

    private static func bytes(_ text: ArraySlice<UInt8>, _ span: YAMLSpan) -> ArraySlice<UInt8> {
        let start = min(text.startIndex + span.start.offset, text.endIndex)
        return text[start..<max(start, min(text.startIndex + span.end.offset, text.endIndex))]
    }

    mutating func begin() { (warnings, doubts, asksEnvironment) = ([], [], false) }

    mutating func said(_ problem: Decoding.Problem) { warnings.append(problem) }
    mutating func doubted(_ problem: Decoding.Problem) { doubts.append(problem) }

    /// The route that the reading before found in the same bytes, which begin in the same column: they are the same tree then.
    ///
    /// - Parameter key: the key of its name.
    func known(_ node: YAMLNode, namedBy key: String) -> ReadRoute? {
        guard !former.isEmpty, case .mapping(let entries) = node.content,
            case .scalar(let scalar)? = entries.first(where: { $0.key == key })?.value.content,
            let name = try? RouteName(parsing: scalar.text), let known = former[name],
            known.span.start.column == node.span.start.column,
            Self.bytes(formerText, known.span) == Self.bytes(text, node.spanOfValues)
        else { return nil }
        return known.moved(to: node.spanOfValues)
    }

    mutating func askedEnvironment() { asksEnvironment = true }

    mutating func take(_ known: ReadRoute) { read.append(known) }

    /// Keeps a route for the next reading, unless it depends on more than its text.
    mutating func keep(_ route: Route, _ lines: String, _ claim: RouteClaim, at span: YAMLSpan) {
        guard !text.isEmpty, !asksEnvironment else { return }
        read.append(
            ReadRoute(route: route, lines: lines, span: span, claim: claim, warnings: warnings, doubts: doubts)
        )
    }
}

extension YAMLNode {
    /// The place of a mapping up to the end of its last value.
    var spanOfValues: YAMLSpan { YAMLSpan(start: span.start, end: endOfValues) }

    private var endOfValues: YAMLMark {
        if isBracketed { return span.end }
        switch content {
        case .mapping(let entries): return entries.last?.value.endOfValues ?? span.end
        case .sequence(let items): return items.last?.endOfValues ?? span.end
        case .scalar, .refused: return span.end
        }
    }
}

extension YAMLSpan {
    fileprivate func moved(_ lines: Int, _ bytes: Int) -> YAMLSpan {
        func moved(_ mark: YAMLMark) -> YAMLMark {
            YAMLMark(line: mark.line + lines, column: mark.column, offset: mark.offset + bytes)
        }
        return YAMLSpan(start: moved(start), end: moved(end))
    }
}

extension RouteClaim {
    fileprivate func moved(_ lines: Int, _ bytes: Int) -> RouteClaim {
        RouteClaim(
            name: name,
            host: host,
            path: path,
            nameSpan: nameSpan.moved(lines, bytes),
            span: span.moved(lines, bytes)
        )
    }
}

extension Decoding.Problem {
    fileprivate func moved(_ lines: Int, _ bytes: Int) -> Self {
        Self(severity: severity, message: message, hint: hint, span: span.moved(lines, bytes))
    }
}
