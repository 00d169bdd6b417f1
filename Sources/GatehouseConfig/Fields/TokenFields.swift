internal import GatehouseCore
internal import YAMLReader

/// The keys of one of `tokens`.
enum TokenFields {
    static let per = Field(
        "per",
        Shape<TokenSettings.Sharing>.choice(),
        .fallback(.route),
        "Whose the token is. `route`: one for all callers, which renews itself. `person`: each caller connects an own one."
    )
    static let renew = Field(
        "renew",
        RenewalFields.shape,
        "How a shared token renews itself: by whom it is given and what is shown for it. It is kept in `state`, sealed, and renewed once for all instances."
    )
    static let fallback = Field(
        "fallback",
        Shape<PersonalSettings.Fallback>.choice(),
        "What serves a caller without an own token. `none` (the default): the caller is asked to connect. `route`: what operators have set serves until then."
    )
    static let connect = Field(
        "connect",
        ConnectFields.shape,
        "How people come to their own token, on the page under `connect_path`."
    )

    static let shape = Shape<TokenSettings>.mapping(
        [per.form, renew.form, fallback.form, connect.form],
        wanted: "a token"
    ) { keys, decoding in
        guard let sharing = keys.read(per) else { return nil }
        switch sharing {
        case .route:
            refuse([fallback.key, connect.key], "a token of 'per: person'", keys, decoding)
            return keys.require(renew).map { .shared($0) }
        case .person:
            refuse(
                [renew.key],
                "a token of 'per: route': a personal one renews itself as its server offers it",
                keys,
                decoding
            )
            let connect = keys.require(connect)
            let said = keys.has(fallback.key) ? keys.read(fallback) : PersonalSettings.Fallback.none
            guard let said, let connect else { return nil }
            keys.show(fallback.key, .word(said.rawValue))
            return .personal(PersonalSettings(fallback: said, connect: connect))
        }
    }

    private static func refuse(_ names: [String], _ ofWhat: String, _ keys: Keys, _ decoding: Decoding) {
        for name in names where keys.has(name) {
            decoding.error("'\(name)' is for \(ofWhat)", at: keys.place(ofKey: name), hint: "leave it out")
        }
    }
}
