package import GatehouseCore

/// The name of a grant: its token, and its owner where each person has an own one.
package struct GrantKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let token: TokenName
    /// Nil for the one that a route shares, and for the client by which people connect theirs.
    package let owner: TokenOwner?

    package init(_ token: TokenName, owner: TokenOwner? = nil) {
        self.token = token
        self.owner = owner
    }

    /// The beginning of the names of grants' rows: no ``TokenName``, so no route and no command can mean one.
    static let rowPrefix = "*grant "
    /// Characters of a row's name: the prefix, the token's name and an owner.
    static let maximumRowName = rowPrefix.utf8.count + OperatorName.maximumLength + 1 + TokenOwner.maximumLength

    /// The name of its rows. A token's name has no space, so no two keys have one name.
    var rowName: String { Self.rowPrefix + token.text + (owner.map { " " + $0.text } ?? "") }

    init?(rowName: String) {
        guard rowName.hasPrefix(Self.rowPrefix) else { return nil }
        let parts = rowName.dropFirst(Self.rowPrefix.count).split(
            separator: " ",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let first = parts.first, let token = try? TokenName(parsing: String(first)) else { return nil }
        guard parts.count == 2 else {
            self.init(token)
            return
        }
        guard let owner = TokenOwner(stored: String(parts[1])) else { return nil }
        self.init(token, owner: owner)
    }

    package static func < (one: GrantKey, other: GrantKey) -> Bool { one.rowName < other.rowName }
    package var description: String { token.text + (owner.map { " of \($0)" } ?? "") }
}
