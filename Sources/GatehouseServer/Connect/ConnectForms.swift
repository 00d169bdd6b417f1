internal import GatehouseCore
internal import GatehouseTokens

/// The hidden field of each form: a text that only this instance or a replica can make, for one person, one token and one action, good once.
struct ConnectForms: Sendable {
    enum Action: String, Sendable, CaseIterable {
        case connect
        case paste
        case disconnect
    }

    /// How long a page may stand open before its forms are used.
    static let lifetime: Duration = .seconds(3600)
    static let tokenField = "token"
    static let keyField = "key"
    static let valueField = "value"

    let seal: ConnectSeal
    let used: UsedOnce

    func key(_ action: Action, _ token: TokenName, _ owner: TokenOwner, at now: Timestamp) -> String {
        seal.seal([action.rawValue, token.text, owner.text, UsedOnce.mark()], as: .form, until: now + Self.lifetime)
    }

    /// Whether the field is that of a page that was given to this person, for this, and was not used before.
    func take(_ key: String, _ action: Action, _ token: TokenName, _ owner: TokenOwner, at now: Timestamp) -> Bool {
        guard let opened = seal.open(key, as: .form), opened.texts.count == 4, now < opened.endsAt,
            opened.texts[..<3] == [action.rawValue, token.text, owner.text]
        else { return false }
        return used.use(opened.texts[3], endingAt: opened.endsAt, now: now)
    }
}
