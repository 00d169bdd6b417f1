/// The name of a route in the configuration, in the grammar of ``OperatorName``.
package struct RouteName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(parsing text: String) throws(InvalidValue) { self.text = try OperatorName.checked(text) }

    /// The name of the page's route on a host, which no operator can give.
    init(connectPageOf host: Host) { text = "connect@\(host.name)" }

    /// The token that a bare `{token}` means in the route of this name.
    package var ownToken: TokenName { TokenName(like: self) }

    package static func < (one: RouteName, other: RouteName) -> Bool { one.text < other.text }
    package var description: String { text }
}
