/// The name of an upstream token in a store, in the grammar of ``OperatorName``.
package struct TokenName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(parsing text: String) throws(InvalidValue) { self.text = try OperatorName.checked(text) }

    /// The token that is named like a route: the names of both have one grammar.
    init(like route: RouteName) { text = route.text }

    package static func < (one: TokenName, other: TokenName) -> Bool { one.text < other.text }
    package var description: String { text }
}
