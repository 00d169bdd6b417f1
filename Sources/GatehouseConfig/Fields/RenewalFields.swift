internal import GatehouseCore
internal import YAMLReader

/// The keys of `renew`, by its `kind`.
enum RenewalFields {
    static let app = Field("app", text("the app's id or client id", 64), .required, "The GitHub App's id or client id.")
    static let installation = Field(
        "installation",
        Shape<String>.parsed(wanted: "the number of an installation") { text throws(InvalidValue) in
            guard (1...20).contains(text.utf8.count), text.utf8.allSatisfy(\.isASCIIDigit) else {
                throw InvalidValue("the number of an installation is wanted")
            }
            return text
        },
        .required,
        "The installation's number: the last part of the address of its settings page."
    )
    static let privateKey = Field(
        "private_key",
        Shape<SecretSource>.secret,
        .required,
        "The app's private key as GitHub gives it (PEM): `{ file: PATH }` or `{ env: NAME }`."
    )
    static let api = Field(
        "api",
        issuer { url throws(InvalidValue) in
            guard !url.target.contains("?"), !url.target.hasSuffix("/") else {
                throw InvalidValue("the address of an API has no query and ends without '/'")
            }
        },
        .fallback(githubAPI),
        "GitHub's API; another one for an Enterprise Server."
    )
    static let url = Field(
        "token_url",
        issuer(),
        .required,
        "The authorization server's token endpoint; `https` unless on this machine."
    )
    static let clientID = Field("client_id", text("a client id", 512), .required, "The id of the registered client.")
    static let clientSecret = secret("client_secret")
    static let authentication = authentication("client_auth")
    static let scopes = Field(
        "scopes",
        Shape<[String]>.list(of: scope, wanted: "a list of scopes"),
        .fallback([]),
        "What the token may do (RFC 6749 section 3.3); by default what the server gives."
    )
    static let audience = Field("audience", text("an audience", 2048), "For servers that ask for one.")
    static let resource = Field(
        "resource",
        Shape<WebURL>.parsed(wanted: "a URL", WebURL.init(parsing:)),
        "The server that the token is for (RFC 8707)."
    )
    static let authorities = Field(
        "ca",
        Shape<String>.absolutePath,
        "A PEM file with the authority of the server's certificate, instead of the system's."
    )

    static func secret(_ key: String) -> Field<SecretSource> {
        Field(
            key,
            Shape<SecretSource>.secret,
            "The client's secret: `{ env: NAME }` or `{ file: PATH }`; none for a public client."
        )
    }

    static func authentication(_ key: String) -> Field<ClientAuthentication> {
        Field(
            key,
            Shape<ClientAuthentication>.choice(),
            "How the client proves itself: `basic` (HTTP Basic), `post` (in the body), `none`. By default `basic` with a secret, `none` without."
        )
    }

    private static let githubAPI: WebURL = {
        do throws(InvalidValue) { return try WebURL(parsing: "https://api.github.com") } catch {
            preconditionFailure("the text above is a URL")
        }
    }()

    /// Where credentials are sent: `https`, or on this machine, and a host that is named. An address says nothing of who answers there, and a private one
    /// is often not the one that was meant.
    static func issuer(
        _ check: @escaping @Sendable (WebURL) throws(InvalidValue) -> Void = { _ throws(InvalidValue) in }
    ) -> Shape<WebURL> {
        Shape<WebURL>.parsed(wanted: "an https:// URL") { text throws(InvalidValue) in
            let url = try WebURL(trusted: text)
            guard !url.hasAddress || Loopback.contains(url.host) else {
                throw InvalidValue("a server that is given credentials is named by its host, not by an address")
            }
            try check(url)
            return url
        }
    }

    static func text(_ wanted: String, _ maximum: Int) -> Shape<String> {
        Shape<String>.parsed(wanted: wanted) { text throws(InvalidValue) in
            guard !text.isEmpty, text.utf8.count <= maximum, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw InvalidValue("\(wanted) is wanted: at most \(maximum) visible ASCII characters")
            }
            return text
        }
    }

    /// RFC 6749 section 3.3.
    private static let scope = Shape<String>.parsed(wanted: "a scope") { text throws(InvalidValue) in
        guard (1...256).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
        else { throw InvalidValue("a scope has no space, quote or backslash") }
        return text
    }

    private static let endpoint = [
        url.form, clientID.form, clientSecret.form, authentication.form, scopes.form, audience.form, resource.form,
        authorities.form,
    ]

    static let shape = Shape<RenewalSettings>.variants(
        wanted: "a renewal",
        [
            Variant(
                RenewalSettings.Kind.githubApp,
                "An installation of a GitHub App, whose tokens last an hour.",
                [app.form, installation.form, privateKey.form, api.form, authorities.form]
            ) { keys, _ in
                let app = keys.read(app)
                let installation = keys.read(installation)
                let privateKey = keys.read(privateKey)
                let api = keys.read(api)
                let authorities = keys.read(authorities)
                guard let app, let installation, let privateKey, let api else { return nil }
                return .githubApp(
                    GitHubAppSettings(
                        app: app,
                        installation: installation,
                        privateKey: privateKey,
                        api: api,
                        authorities: authorities
                    )
                )
            },
            Variant(
                RenewalSettings.Kind.clientCredentials,
                "A client that acts for itself (RFC 6749 section 4.4).",
                endpoint
            ) { keys, decoding in read(&keys, decoding).map { .clientCredentials($0) } },
            Variant(
                RenewalSettings.Kind.refreshToken,
                "A refresh token that an operator has set as the token's value (RFC 6749 section 6).",
                endpoint
            ) { keys, decoding in read(&keys, decoding).map { .refreshToken($0) } },
        ]
    )

    private static func read(_ keys: inout Keys, _ decoding: Decoding) -> TokenEndpointSettings? {
        let url = keys.read(url)
        let clientID = keys.read(clientID)
        let clientSecret = keys.read(clientSecret)
        let said = keys.read(authentication)
        let scopes = keys.read(scopes)
        let audience = keys.read(audience)
        let resource = keys.read(resource)
        let authorities = keys.read(authorities)
        let authentication = authentication(
            said,
            of: Self.authentication.key,
            secretKey: Self.clientSecret.key,
            &keys,
            decoding
        )
        guard let url, let clientID, let scopes, let authentication,
            (clientSecret != nil) == keys.has(Self.clientSecret.key)
        else { return nil }
        return TokenEndpointSettings(
            url: url,
            clientID: clientID,
            clientSecret: clientSecret,
            authentication: authentication,
            scopes: scopes,
            audience: audience,
            resource: resource?.text,
            authorities: authorities
        )
    }

    /// How a client proves itself: as it is said, or as it can.
    static func authentication(
        _ said: ClientAuthentication?,
        of key: String,
        secretKey: String,
        _ keys: inout Keys,
        _ decoding: Decoding
    ) -> ClientAuthentication? {
        let hasSecret = keys.has(secretKey)
        if let said, (said == .none) == hasSecret {
            decoding.error(
                hasSecret
                    ? "a client that proves nothing has no secret" : "\(key): \(said.rawValue) needs a \(secretKey)",
                at: keys.place(of: key),
                hint: hasSecret ? "leave \(secretKey) out" : "\(secretKey): { env: NAME }"
            )
            return nil
        }
        let authentication = said ?? (hasSecret ? .basic : .none)
        keys.show(key, .word(authentication.rawValue))
        return authentication
    }
}
