internal import GatehouseCore
internal import YAMLReader

/// The keys of one of `tokens`.
enum TokenFields {
    static let per = Field(
        "per",
        Shape<TokenSettings.Sharing>.choice(),
        .fallback(.route),
        "Whose the token is. `route`: one for all callers."
    )
    static let renew = Field(
        "renew",
        RenewalFields.shape,
        .required,
        "How the token renews itself: by whom it is given and what is shown for it. It is kept in `state`, sealed, and renewed once for all instances."
    )

    static let shape = Shape<TokenSettings>.mapping([per.form, renew.form], wanted: "a token") { keys, _ in
        let sharing = keys.read(per)
        let renewal = keys.read(renew)
        guard let sharing, let renewal else { return nil }
        return TokenSettings(sharing: sharing, renewal: renewal)
    }
}
