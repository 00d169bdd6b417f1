internal import GatehouseCore
internal import GatehouseTokens

/// The outcome of what somebody has done, said once on the page that follows. It is sealed on its way, so that no link makes the page say what has not
/// happened.
struct ConnectNotice: Sendable, Equatable {
    enum Kind: String, Sendable, CaseIterable {
        case connected
        case replaced
        /// Ended here and at the vendor.
        case revoked
        /// Ended here; the vendor offers no end.
        case deleted
        /// Ended here; the vendor did not take it.
        case notRevoked = "not_revoked"
    }

    static let lifetime: Duration = .seconds(60)
    static let field = "notice"

    let kind: Kind
    let token: TokenName

    func sealed(by seal: ConnectSeal, for owner: TokenOwner, at now: Timestamp) -> String {
        seal.seal([kind.rawValue, token.text, owner.text], as: .notice, until: now + Self.lifetime)
    }

    init(_ kind: Kind, _ token: TokenName) { (self.kind, self.token) = (kind, token) }

    /// - Returns: nil for what was not made for this person a moment ago.
    init?(_ text: String, openedBy seal: ConnectSeal, for owner: TokenOwner, at now: Timestamp) {
        guard let opened = seal.open(text, as: .notice), opened.texts.count == 3, now < opened.endsAt,
            let kind = Kind(rawValue: opened.texts[0]), let token = try? TokenName(parsing: opened.texts[1]),
            opened.texts[2] == owner.text
        else { return nil }
        self.init(kind, token)
    }

    var isGood: Bool { kind != .notRevoked }

    var words: String {
        switch kind {
        case .connected: "\(token) is connected."
        case .replaced: "\(token) is connected anew."
        case .revoked: "\(token) is disconnected: the access was deleted here and ended at the vendor."
        case .deleted:
            "\(token) is disconnected: the access was deleted here. The vendor cannot be told: end it there too, if it shows it."
        case .notRevoked:
            "\(token) is disconnected: the access was deleted here. The vendor did not take the end of it: end it there too."
        }
    }
}
