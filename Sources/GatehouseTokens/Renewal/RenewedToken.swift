package import GatehouseCore

/// A token that renews itself, as the configuration says it.
package struct RenewedToken: Sendable {
    package let name: TokenName
    package let issuer: any TokenIssuer

    package init(_ name: TokenName, by issuer: any TokenIssuer) {
        self.name = name
        self.issuer = issuer
    }
}

/// A token of which each person has an own one, as the configuration says it.
package struct PersonalToken: Sendable {
    package typealias Issuing = @Sendable (GrantServer, RegisteredClient?) -> any TokenIssuer

    package let name: TokenName
    /// Makes who gives the next of a person's tokens: the server that gave the last one, asked by the client to which it gave it.
    let issuer: Issuing

    package init(_ name: TokenName, by issuer: @escaping Issuing) {
        self.name = name
        self.issuer = issuer
    }
}

/// The state of a renewed token, for readiness, metrics and the status page. Holds no secret.
package struct RenewalState: Sendable, Equatable {
    package internal(set) var word = RenewalSchedule.State.unread
    /// Whether there is a token that can be sent.
    package internal(set) var isServed = false
    /// The version of the grant; 0 before the first.
    package internal(set) var version = 0
    package internal(set) var issuedAt: Timestamp?
    /// Nil for a token whose server does not say.
    package internal(set) var expiresAt: Timestamp?
    /// When the next renewal is due by itself.
    package internal(set) var renewsAt: Timestamp?
    /// Why the last renewal failed, or the grant cannot be used.
    package internal(set) var problem: String?
    package internal(set) var hint: String?
    /// By this process.
    package internal(set) var renewals = 0
    package internal(set) var failures = 0

    package init() {}

    /// As the store tells it to who renews nothing.
    ///
    /// - Parameters:
    ///   - load: what the store keeps.
    ///   - needsSeed: whether an operator sets what a first renewal shows, and `hasSeed` whether one has.
    package init(of name: TokenName, in load: GrantLoad, needsSeed: Bool, hasSeed: Bool, at now: Timestamp) {
        let record = load.grants[GrantKey(name)]
        let problem = load.problems[GrantKey(name)]
        version = record?.version ?? 0
        self.problem = problem?.message ?? record?.failure
        hint = problem?.hint
        switch record?.kept {
        case .usable(let grant)?:
            (issuedAt, expiresAt, renewsAt) = (grant.issuedAt, grant.expiresAt, grant.renewsAt)
            isServed = grant.expiresAt.map { $0 > now } ?? true
            word = record?.failure == nil && isServed ? .good : .failing
        case .needsConnecting(let why, _, _)?: (word, self.problem) = (.needsConnecting, why)
        case .client?, nil: word = problem != nil ? .unread : needsSeed && !hasSeed ? .waitsForSeed : .obtaining
        }
    }
}

extension RenewalState {
    /// Writes its members into an object that is open.
    package func write(to json: inout JSONText) {
        json.string("state", word.rawValue)
        json.number("version", version)
        if let issuedAt { json.string("issued_at", issuedAt.rfc3339) }
        if let expiresAt { json.string("expires_at", expiresAt.rfc3339) }
        if let renewsAt { json.string("renews_at", renewsAt.rfc3339) }
        if let problem { json.string("problem", problem) }
    }
}
