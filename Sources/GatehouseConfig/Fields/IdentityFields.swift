internal import GatehouseCore
internal import YAMLReader

/// The keys of `access.identity`.
enum IdentityFields {
    static let fetch = Field(
        "fetch",
        .boolean,
        .required,
        "Whether groups and claims of people come from the identity endpoint, where a route or a deny list asks for them. For what its answer does not have the assertion stands."
    )
    static let refresh = Field(
        "refresh",
        .duration(IdentitySettings.refreshRange),
        .fallback(IdentitySettings.defaultRefresh),
        "How long an identity is used before it is asked for again; a new sign-in is asked about anew."
    )
    static let maxStale = Field(
        "max_stale",
        .duration(IdentitySettings.maxStaleRange),
        .fallback(IdentitySettings.defaultMaxStale),
        "How long the last good identity of a sign-in serves while the endpoint is down."
    )
    static let onFailure = Field(
        "on_failure",
        Shape<IdentitySettings.OnFailure>.choice(),
        .fallback(.deny),
        "When a person's identity cannot be had: `deny` answers 503, `assertion` goes on with the assertion's own groups and claims. While `access.deny` lists groups it is always `deny`, and so it is for an assertion that the endpoint does not take."
    )
    static let url = Field(
        "url",
        Shape<WebURL>.parsed(wanted: "an https:// URL", WebURL.init(trusted:)),
        "The identity endpoint; `https` unless on this machine. It is sent each person's assertion as the cookie `CF_Authorization`. By default `ISSUER/cdn-cgi/access/get-identity`."
    )

    static let all = [fetch.form, refresh.form, maxStale.form, onFailure.form, url.form]

    /// The section as the file has it; the default URL follows from the issuer.
    struct Written: Sendable {
        let fetch: Bool
        let refresh: Duration
        let maxStale: Duration
        let onFailure: IdentitySettings.OnFailure
        let url: WebURL?

        func settings(_ issuer: Issuer) -> IdentitySettings? {
            guard fetch, let url = url ?? (try? WebURL(trusted: issuer.text + IdentitySettings.path)) else {
                return nil
            }
            return IdentitySettings(url: url, refresh: refresh, maxStale: maxStale, onFailure: onFailure)
        }
    }

    static let shape = Shape<Written>.mapping(all, wanted: "identity") { keys, decoding in
        let fetch = keys.read(fetch)
        let refresh = keys.read(refresh)
        let maxStale = keys.read(maxStale)
        let onFailure = keys.read(onFailure)
        let url = keys.read(url)
        guard let fetch, let refresh, let maxStale, let onFailure, url != nil || !keys.isMeant(Self.url.key) else {
            return nil
        }
        guard maxStale >= refresh else {
            decoding.error(
                "max_stale is shorter than refresh (\(DurationText(refresh))): identities would run out between refreshes",
                at: keys.place(of: Self.maxStale.key, Self.refresh.key)
            )
            return nil
        }
        return Written(fetch: fetch, refresh: refresh, maxStale: maxStale, onFailure: onFailure, url: url)
    }

    /// Warns of an identity that nobody asks for.
    static func check(_ access: AccessSettings, _ routes: [Route], at place: YAMLSpan, _ decoding: Decoding) {
        guard access.identity != nil, access.deny.groups.isEmpty, !routes.contains(where: \.asksAttributes) else {
            return
        }
        decoding.warning(
            "nobody's identity is fetched: no grant, deny list or injected field asks for groups or claims",
            at: place,
            hint: "leave access.identity out, or grant to groups: allow: [ { groups: [engineering] } ]"
        )
    }
}

extension IdentitySettings {
    var shown: Shown {
        .mapping([
            (IdentityFields.fetch.key, .word("true")),
            (IdentityFields.refresh.key, IdentityFields.refresh.shape.show(refresh)),
            (IdentityFields.maxStale.key, IdentityFields.maxStale.shape.show(maxStale)),
            (IdentityFields.onFailure.key, IdentityFields.onFailure.shape.show(onFailure)),
            (IdentityFields.url.key, IdentityFields.url.shape.show(url)),
        ])
    }
}
