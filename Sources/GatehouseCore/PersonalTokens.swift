/// The tokens of persons as requests see them: immutable, replaced whole when one of them changes.
package struct PersonalTokens: Sendable {
    package enum Entry: Sendable, Equatable {
        /// - Parameter renews: whether a newer version can be asked for.
        case usable(TokenValue, renews: Bool)
        /// There was one, and nothing renews it any more: its owner connects it anew.
        case needsConnecting
        /// Its time is over, and its server has not given the next one yet.
        case unavailable
    }

    package typealias Entries = [TokenName: [TokenOwner: Entry]]

    package let entries: Entries
    /// Whether the store has been read: before, nobody knows who has a token.
    package let isRead: Bool

    package static let none = PersonalTokens([:], isRead: false)

    package init(_ entries: Entries, isRead: Bool = true) {
        self.entries = entries
        self.isRead = isRead
    }

    /// The states of a token, as metrics name them.
    package enum State: String, Sendable, CaseIterable {
        case connected
        case needsConnecting = "needs_connecting"
        case unavailable
    }

    /// The numbers of owners by state.
    package func owners(of token: TokenName) -> [State: Int] {
        (entries[token] ?? [:]).values.reduce(into: [:]) { counts, entry in
            switch entry {
            case .usable: counts[.connected, default: 0] += 1
            case .needsConnecting: counts[.needsConnecting, default: 0] += 1
            case .unavailable: counts[.unavailable, default: 0] += 1
            }
        }
    }

    package subscript(token: TokenName, owner: TokenOwner) -> Entry? { entries[token]?[owner] }
}
