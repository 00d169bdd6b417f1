internal import GatehouseCore
internal import YAMLReader

/// The keys of `access`.
enum AccessFields {
    static let team = Field(
        "team",
        Shape<Issuer>.parsed(wanted: "the name of an Access team", Issuer.init(team:)),
        "The Access team: the issuer is `https://TEAM.cloudflareaccess.com`. Either this or `issuer`."
    )
    static let issuer = Field(
        "issuer",
        Shape<Issuer>.parsed(wanted: "an https:// URL", Issuer.init(parsing:)),
        "Who signs assertions, instead of `team`; `https` unless on this machine."
    )
    static let certsURL = Field(
        "certs_url",
        Shape<WebURL>.parsed(wanted: "an https:// URL", WebURL.init(trusted:)),
        "Where the keys are; by default `ISSUER/cdn-cgi/access/certs`."
    )
    static let clockSkew = Field(
        "clock_skew",
        .duration(AccessSettings.clockSkewRange),
        .fallback(AccessSettings.defaultClockSkew),
        "How far clocks may differ."
    )
    static let keysRefresh = Field(
        "keys_refresh",
        .duration(AccessSettings.keysRefreshRange),
        .fallback(AccessSettings.defaultKeysRefresh),
        "Between two background refreshes of the keys."
    )
    static let keysMaxStale = Field(
        "keys_max_stale",
        .duration(AccessSettings.keysMaxStaleRange),
        .fallback(AccessSettings.defaultKeysMaxStale),
        "How long the last good keys serve while the certs URL is down."
    )
    static let maxTokenAge = Field(
        "max_token_age",
        .duration(AccessSettings.maxTokenAgeRange),
        "A ceiling on the age of an assertion; none by default."
    )
    static let callGrace = Field(
        "call_grace",
        .duration(AccessSettings.callGraceRange),
        .fallback(ServerLimits.defaultCallGrace),
        "How much longer than its assertion the streamed answer to a call may last; other streams end with it."
    )
    static let deny = Field("deny", DenyFields.shape, .fallback(.nobody), "Principals refused on every route.")

    static let groups = Field("groups", GroupsFields.shape, "Where the groups of a person stand in the assertion.")

    static let identity = Field(
        "identity",
        IdentityFields.shape,
        "Groups and claims that are too large for an assertion, fetched from Access."
    )

    static let all = [
        team.form, issuer.form, certsURL.form, clockSkew.form, keysRefresh.form, keysMaxStale.form, maxTokenAge.form,
        callGrace.form, deny.form, groups.form, identity.form,
    ]

    static let shape = Shape<AccessSettings>.mapping(all, wanted: "access") { keys, decoding in
        let isTeamGiven = keys.has(team.key)
        if isTeamGiven, keys.has(issuer.key) {
            decoding.error(
                "'team' and 'issuer' exclude each other",
                at: keys.place(ofKey: issuer.key),
                hint: "leave one of them out"
            )
        } else if !keys.isMeant(team.key), !keys.isMeant(issuer.key) {
            decoding.error("'team' or 'issuer' is missing", at: keys.place(of: team.key), hint: team.documentation)
        }
        let fromTeam = keys.read(team, shownAs: issuer.key)
        let fromIssuer = isTeamGiven ? nil : keys.read(issuer)
        let certs = keys.read(certsURL)
        let clockSkew = keys.read(clockSkew)
        let keysRefresh = keys.read(keysRefresh)
        let keysMaxStale = keys.read(keysMaxStale)
        let maxTokenAge = keys.read(maxTokenAge)
        let callGrace = keys.read(callGrace)
        let deny = keys.read(deny)
        let groups = keys.read(groups)
        let written = keys.read(identity)
        guard !keys.isMeant(AccessFields.groups.key) || groups != nil,
            !keys.isMeant(AccessFields.identity.key) || written != nil
        else { return nil }
        if let deny, !deny.groups.isEmpty, groups == nil {
            GroupsFields.lacksClaim(
                "a deny list of groups names nobody",
                at: keys.place(of: AccessFields.deny.key),
                decoding
            )
            return nil
        }
        guard let issuer = fromTeam ?? fromIssuer, let clockSkew, let keysRefresh, let keysMaxStale, let callGrace,
            let deny
        else {
            return nil
        }
        guard keysMaxStale >= keysRefresh else {
            decoding.error(
                "keys_max_stale is shorter than keys_refresh (\(DurationText(keysRefresh))): keys would run out between refreshes",
                at: keys.place(of: AccessFields.keysMaxStale.key, AccessFields.keysRefresh.key)
            )
            return nil
        }
        guard let certsURL = certs ?? (try? WebURL(trusted: issuer.text + AccessSettings.certsPath)) else { return nil }
        if certs == nil { keys.show(AccessFields.certsURL.key, .value(certsURL.text)) }
        let identity = written?.settings(issuer)
        if let identity {
            keys.show(AccessFields.identity.key, identity.shown)
            if identity.onFailure == .assertion, !deny.groups.isEmpty {
                decoding.warning(
                    "on_failure: assertion has no effect while access.deny lists groups: whose groups are not known is refused",
                    at: keys.place(of: AccessFields.identity.key),
                    hint: "leave on_failure out"
                )
            }
        }
        return AccessSettings(
            issuer: issuer,
            certsURL: certsURL,
            clockSkew: clockSkew,
            keysRefresh: keysRefresh,
            keysMaxStale: keysMaxStale,
            maxTokenAge: maxTokenAge,
            callGrace: callGrace,
            deny: deny,
            groups: groups,
            identity: identity
        )
    }
}

/// The keys of `access.groups`.
enum GroupsFields {
    static let claim = Field(
        "claim",
        Shape<MemberPath>.claim,
        .required,
        "The claim by its path, `custom.groups` (`\\.` is a dot in a name): a text, or a list of texts or of objects with a `name` or an `email`."
    )

    static let all = [claim.form]

    static let shape = Shape<MemberPath>.mapping(
        all,
        wanted: "groups",
        read: { keys, _ in keys.read(claim) }
    )

    static func lacksClaim(_ message: String, at span: YAMLSpan, _ decoding: Decoding) {
        decoding.error(
            "\(message): nothing says where groups stand in an assertion",
            at: span,
            hint: "access: { groups: { claim: custom.groups } }"
        )
    }
}

extension Shape where Value == MemberPath {
    static let claim = parsed(wanted: "a path to a claim", MemberPath.init(parsing:))
}

/// The keys of `access.deny`.
enum DenyFields {
    static let users = Field(
        "users",
        Shape<[Glob]>.list(of: .user, wanted: "a list of e-mail addresses"),
        .fallback([]),
        "E-mail addresses, `*` for any run of characters; compared without case, `xn--` domains as what they stand for."
    )
    static let serviceTokens = Field(
        "service_tokens",
        Shape<[Glob]>.list(of: .clientID, wanted: "a list of client ids"),
        .fallback([]),
        "Client ids of service tokens, like `ID.access`."
    )
    static let subjects = Field(
        "subjects",
        Shape<[Glob]>.list(of: .glob(wanted: "a subject"), wanted: "a list of subjects"),
        .fallback([]),
        "`sub` claims."
    )
    static let groups = Field(
        "groups",
        Shape<[Glob]>.list(of: .glob(wanted: "a group"), wanted: "a list of groups"),
        .fallback([]),
        "Groups of people, `*` for any run of characters; needs `access.groups`. A person whose assertion lists no groups is in none."
    )

    static let all = [users.form, serviceTokens.form, subjects.form, groups.form]

    static let shape = Shape<DenyList>.mapping(
        all,
        wanted: "deny",
        show: { deny in
            .mapping([
                (users.key, users.shape.show(deny.users)),
                (serviceTokens.key, serviceTokens.shape.show(deny.serviceTokens)),
                (subjects.key, subjects.shape.show(deny.subjects)),
                (groups.key, groups.shape.show(deny.groups)),
            ])
        },
        read: { keys, _ in
            let users = keys.read(users)
            let serviceTokens = keys.read(serviceTokens)
            let subjects = keys.read(subjects)
            let groups = keys.read(groups)
            guard let users, let serviceTokens, let subjects, let groups else { return nil }
            return DenyList(users: users, serviceTokens: serviceTokens, subjects: subjects, groups: groups)
        }
    )
}
