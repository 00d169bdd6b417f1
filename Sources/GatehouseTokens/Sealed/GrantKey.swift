package import GatehouseCore

/// The name of a grant: its token, and its owner where each person has an own one.
package struct GrantKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let token: TokenName
    /// The `sub` of the assertion; nil for the one that a route shares.
    package let owner: String?

    package init(_ token: TokenName, owner: String? = nil) {
        self.token = token
        self.owner = owner
    }

    /// The beginning of the names of grants' rows: no ``TokenName``, so no route and no command can mean one.
    static let rowPrefix = "*grant "
    /// Characters of a row's name: the prefix, the token's name and an owner of at most 256.
    static let maximumRowName = rowPrefix.utf8.count + OperatorName.maximumLength + 1 + 256

    /// The name of its rows. A token's name has no space, so no two keys have one name.
    var rowName: String { Self.rowPrefix + token.text + (owner.map { " " + $0 } ?? "") }

    init?(rowName: String) {
        guard rowName.hasPrefix(Self.rowPrefix) else { return nil }
        let parts = rowName.dropFirst(Self.rowPrefix.count).split(
            separator: " ",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        guard let first = parts.first, let token = try? TokenName(parsing: String(first)) else { return nil }
        self.init(token, owner: parts.count == 2 ? String(parts[1]) : nil)
    }

    package static func < (one: GrantKey, other: GrantKey) -> Bool { one.rowName < other.rowName }
    package var description: String { token.text + (owner.map { " of \($0)" } ?? "") }
}
