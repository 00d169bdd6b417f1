internal import GatehouseCore

/// A difference behind a route: no caller is let in or kept out by it, and those who may use the route reach something else.
package struct RouteChange: Hashable, Sendable, CustomStringConvertible {
    package let route: String
    package let words: String

    package var description: String { "route '\(route)': \(words)" }

    /// - Parameter personal: the tokens of which each person has an own one.
    static func between(
        _ old: Route,
        _ new: Route,
        personal: (before: Set<TokenName>, after: Set<TokenName>)
    ) -> [RouteChange] {
        var words: [String] = []
        if old.upstream != new.upstream {
            let (before, after) = (place(of: old.upstream), place(of: new.upstream))
            words.append(
                before == after
                    ? "the certificate of its upstream is verified otherwise"
                    : "its requests go to \(after), where they went to \(before)"
            )
        }
        if old.tokens != new.tokens {
            words.append("its requests carry \(list(new.tokens)), where they carried \(list(old.tokens))")
        }
        for token in old.tokens.intersection(new.tokens).sorted() {
            switch (personal.before.contains(token), personal.after.contains(token)) {
            case (false, true): words.append("the token '\(token)' is each person's own, where callers shared it")
            case (true, false): words.append("callers share the token '\(token)', where each person had an own one")
            case _: break
            }
        }
        // By name: values may be secrets of a file's own.
        let names = Set(Set(old.injections).symmetricDifference(new.injections).map(\.name.text))
        if !names.isEmpty { words.append("it sets \(names.sorted().joined(separator: ", ")) otherwise") }
        return words.map { RouteChange(route: new.name.text, words: $0) }
    }

    private static func list(_ tokens: Set<TokenName>) -> String {
        tokens.isEmpty ? "no token" : tokens.map { "the token '\($0)'" }.sorted().joined(separator: " and ")
    }

    private static func place(of upstream: Upstream) -> String {
        let path = upstream.path
        return upstream.place + (upstream.isLocalSocket && !path.isEmpty ? " (\(path))" : path)
    }
}
