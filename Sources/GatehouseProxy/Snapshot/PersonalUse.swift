internal import GatehouseCore
internal import GatehouseMCP

/// The use that a request makes of a personal token. A class, because each request of an owner notes the same.
final class PersonalUse {
    let token: TokenName
    /// Nil for a caller who can have none.
    let owner: TokenOwner?
    let given: Given

    init(token: TokenName, owner: TokenOwner?, given: Given) {
        self.token = token
        self.owner = owner
        self.given = given
    }

    enum Given {
        /// The owner's own.
        case own(version: Int, renews: Bool)
        /// The one that operators have set for who has none.
        case shared(version: Int)
        /// None: the request needs none, or is refused.
        case nothing(Reason)
    }

    /// For the audit; nil when none is used.
    var version: Int? {
        switch given {
        case .own(let version, _), .shared(let version): version
        case .nothing: nil
        }
    }

    /// Whether a newer version can be asked for.
    var renews: Bool {
        if case .own(_, let renews) = given { renews } else { false }
    }

    /// The meaning of an upstream's 401.
    var rejection: Reason {
        switch given {
        case .own: .tokenNeedsConnecting
        case .shared: .upstreamCredentialRejected
        case .nothing(let reason): reason
        }
    }
}
