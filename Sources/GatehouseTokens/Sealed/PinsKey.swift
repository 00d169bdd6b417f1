internal import GatehouseCore

/// The name of the rows that hold the pins of a route: no ``TokenName``, so no route and no command can mean one.
enum PinsKey {
    static let rowPrefix = "*pins "

    static func rowName(_ route: RouteName) -> String { rowPrefix + route.text }

    static func route(ofRow name: String) -> RouteName? {
        guard name.hasPrefix(rowPrefix) else { return nil }
        return try? RouteName(parsing: String(name.dropFirst(rowPrefix.count)))
    }

    /// The token that stands for the rows where their problems are listed with those of tokens.
    static func token(ofRow name: String) -> TokenName? {
        guard name.hasPrefix(rowPrefix) else { return nil }
        return try? TokenName(parsing: String(name.dropFirst(rowPrefix.count)))
    }
}
