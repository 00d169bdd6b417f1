internal import GatehouseCore

/// The name of the rows that hold a ``KeptBook``: no ``TokenName``, so no route and no command of tokens can mean one.
enum BookKey: Sendable {
    /// The approvals of the tools of a route.
    case pins(RouteName)
    case denials
    case bearers

    /// The beginning of the rows' names, or the whole of them.
    private static let pinsPrefix = "*pins "
    private static let denialsName = "*deny"
    private static let bearersName = "*bearers"

    var rowName: String {
        switch self {
        case .pins(let route): Self.pinsPrefix + route.text
        case .denials: Self.denialsName
        case .bearers: Self.bearersName
        }
    }

    /// The condition, in SQL, that a row holds the pins of a route.
    static let pinsCondition = "substr(name, 1, \(pinsPrefix.utf8.count)) = '\(pinsPrefix)'"

    /// The condition, in SQL, that a row holds a book.
    static let condition =
        "(\(pinsCondition) OR name IN ('\(denialsName)', '\(bearersName)'))"

    static func pinnedRoute(ofRow name: String) -> RouteName? {
        guard name.hasPrefix(pinsPrefix) else { return nil }
        return try? RouteName(parsing: String(name.dropFirst(pinsPrefix.count)))
    }

    /// The token that stands for the rows where their problems are listed with those of tokens.
    static func token(ofRow name: String) -> TokenName? {
        let text =
            switch name {
            case denialsName, bearersName: String(name.dropFirst())
            case _ where name.hasPrefix(pinsPrefix): String(name.dropFirst(pinsPrefix.count))
            case _: nil as String?
            }
        return text.flatMap { try? TokenName(parsing: $0) }
    }

    /// The change that is recorded of one.
    var action: String {
        switch self {
        case .pins: "pin"
        case .denials: "deny"
        case .bearers: "bearer"
        }
    }

    /// The noun in errors.
    var words: String {
        switch self {
        case .pins(let route): "the pins of the route '\(route)'"
        case .denials: "the deny entries"
        case .bearers: "the bearers"
        }
    }

    /// The command that destroys a book which cannot be trusted any more.
    var remedy: String {
        switch self {
        case .pins(let route): "gatehouse pins forget \(route)"
        case .denials: "gatehouse deny remove --all"
        case .bearers: "gatehouse bearer revoke --all"
        }
    }
}
