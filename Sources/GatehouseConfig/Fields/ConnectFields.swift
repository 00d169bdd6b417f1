internal import GatehouseCore
internal import YAMLReader

/// The keys of `connect`, by its `kind`.
enum ConnectFields {
    static let resource = Field(
        "resource",
        RenewalFields.issuer(),
        "The server that the token is for (RFC 8707). Without the two addresses below, it is asked for its authorization server (RFC 9728)."
    )
    static let authorizeURL = Field(
        "authorize_url",
        RenewalFields.issuer(),
        "The authorization server's page, where it is not discovered; with `token_url`."
    )
    static let tokenURL = Field(
        "token_url",
        RenewalFields.issuer(),
        "The authorization server's token endpoint, where it is not discovered; with `authorize_url`."
    )
    static let revokeURL = Field(
        "revoke_url",
        RenewalFields.issuer(),
        "Where tokens are taken back (RFC 7009); beside `token_url` alone. Without it a disconnected token lives on at the vendor."
    )
    static let issuer = Field(
        "issuer",
        RenewalFields.text("an issuer", 512),
        "The `iss` of the server's answers (RFC 9207); beside `token_url` alone. An answer that names another, or none, is refused."
    )
    static let client = Field(
        "client",
        ClientFields.shape,
        .required,
        "Who asks: a client that you have registered, or one that registers itself."
    )
    static let help = Field(
        "help",
        Shape<String>.text(wanted: "where people find the token"),
        .required,
        "Where the vendor shows the token, in words for the people who look for it."
    )
    static let helpURL = Field(
        "help_url",
        Shape<WebURL>.parsed(wanted: "a URL", WebURL.init(parsing:)),
        "The address of that page."
    )

    static let shape = Shape<ConnectSettings>.variants(
        wanted: "a way to connect",
        [
            Variant(
                ConnectSettings.Kind.oauth,
                "At an authorization server: authorization code with PKCE (RFC 7636).",
                [
                    resource.form, authorizeURL.form, tokenURL.form, revokeURL.form, issuer.form,
                    RenewalFields.scopes.form, client.form,
                    RenewalFields.authorities.form,
                ]
            ) { keys, decoding in oauth(&keys, decoding).map { .oauth($0) } },
            Variant(
                ConnectSettings.Kind.paste,
                "People copy it from a page of the vendor's; the route's `probe` proves it before it is kept.",
                [help.form, helpURL.form]
            ) { keys, _ in
                let help = keys.read(help)
                let helpURL = keys.read(helpURL)
                return help.map { .paste(PasteSettings(help: $0, helpURL: helpURL)) }
            },
        ]
    )

    private static func oauth(_ keys: inout Keys, _ decoding: Decoding) -> OAuthSettings? {
        let resource = keys.read(resource)
        let authorize = keys.read(authorizeURL)
        let token = keys.read(tokenURL)
        let revoke = keys.read(revokeURL)
        let issuer = keys.read(issuer)
        let scopes = keys.read(RenewalFields.scopes)
        let client = keys.read(client)
        let authorities = keys.read(RenewalFields.authorities)
        guard keys.has(authorizeURL.key) == keys.has(tokenURL.key) else {
            let one = keys.has(authorizeURL.key) ? authorizeURL.key : tokenURL.key
            let other = keys.has(authorizeURL.key) ? tokenURL.key : authorizeURL.key
            decoding.error("'\(one)' needs '\(other)'", at: keys.place(ofKey: one))
            return nil
        }
        for key in [revokeURL.key, Self.issuer.key] where keys.has(key) && !keys.has(tokenURL.key) {
            decoding.error(
                "'\(key)' is for a server whose addresses the file names",
                at: keys.place(ofKey: key),
                hint: "leave it out: the server's metadata says it"
            )
            return nil
        }
        guard keys.has(Self.resource.key) || keys.has(tokenURL.key) else {
            decoding.error(
                "nothing says which authorization server is meant",
                at: keys.beginning,
                hint: "resource: https://…, or authorize_url and token_url"
            )
            return nil
        }
        guard let scopes, let client, (resource != nil) == keys.has(Self.resource.key),
            (token != nil) == keys.has(tokenURL.key), (authorize != nil) == keys.has(authorizeURL.key),
            (revoke != nil) == keys.has(revokeURL.key), (issuer != nil) == keys.has(Self.issuer.key)
        else { return nil }
        var server = OAuthSettings.Server.discovered
        if let authorize, let token {
            server = .told(ToldServer(authorize: authorize, token: token, revoke: revoke, issuer: issuer))
        }
        if server != .discovered, client == .dynamic {
            decoding.error(
                "a client registers itself where the server is discovered: told addresses say nothing of registration",
                at: keys.place(ofKey: Self.client.key),
                hint: "resource instead of authorize_url and token_url, or client: { id: … }"
            )
            return nil
        }
        return OAuthSettings(
            resource: resource,
            server: server,
            client: client,
            scopes: scopes,
            authorities: authorities
        )
    }
}

/// The keys of a `client`.
enum ClientFields {
    /// How the client is known to the server, as `registration` says it.
    enum Registration: String, Sendable, CaseIterable {
        case manual
        case dynamic
        case document
    }

    static let registration = Field(
        "registration",
        Shape<Registration>.choice(),
        "`manual` (the default): you have registered the client and give its `id`. `dynamic`: it registers itself (RFC 7591). `document`: its id is the address of a document that Gatehouse serves under `connect_path`."
    )
    static let id = Field("id", RenewalFields.text("a client id", 512), "The id of the registered client.")
    static let secret = RenewalFields.secret("secret")
    static let authentication = RenewalFields.authentication("auth")

    static let shape = Shape<OAuthSettings.Client>.mapping(
        [registration.form, id.form, secret.form, authentication.form],
        wanted: "a client"
    ) { keys, decoding in
        let registration = keys.has(registration.key) ? keys.read(registration) : .manual
        guard let registration else { return nil }
        guard registration == .manual else {
            for key in [id.key, secret.key, authentication.key] where keys.has(key) {
                decoding.error(
                    "'\(key)' is for a client that you have registered",
                    at: keys.place(ofKey: key),
                    hint: "leave it out, or leave out 'registration'"
                )
            }
            return registration == .dynamic ? .dynamic : .document
        }
        let id = keys.require(id, hint: "the id of the client that you have registered, or registration: dynamic")
        let secret = keys.read(secret)
        let said = keys.read(authentication)
        guard let id, (secret != nil) == keys.has(Self.secret.key),
            let authentication = RenewalFields.authentication(
                said,
                of: authentication.key,
                secretKey: Self.secret.key,
                &keys,
                decoding
            )
        else { return nil }
        return .registered(RegisteredClientSettings(id: id, secret: secret, authentication: authentication))
    }
}
