package import GatehouseCore
package import GatehouseTokens

/// A change of somebody's token by themselves, for the audit.
package struct ConnectChange: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case connected
        case replaced
        case disconnected
    }

    package let kind: Kind
    package let token: TokenName
    package let owner: TokenOwner
    package let email: String
}

/// An attempt that came to nothing, for the log.
package struct ConnectProblem: Sendable {
    package let failure: ConnectFailure
    package let owner: TokenOwner
    package let email: String
}
