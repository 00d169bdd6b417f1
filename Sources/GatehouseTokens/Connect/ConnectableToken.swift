package import GatehouseCore

/// A token of which each person has an own one, as the page shows it.
package struct ConnectableToken: Sendable {
    package enum Way: Sendable {
        case oauth(OAuthConnection)
        /// People copy it from the vendor's own pages.
        case paste(help: String, url: WebURL?)
    }

    package let name: TokenName
    package let way: Way
    /// Whether a shared token serves who has none.
    package let hasFallback: Bool

    package init(_ name: TokenName, by way: Way, hasFallback: Bool = false) {
        self.name = name
        self.way = way
        self.hasFallback = hasFallback
    }

    package var connection: OAuthConnection? { if case .oauth(let connection) = way { connection } else { nil } }
}
