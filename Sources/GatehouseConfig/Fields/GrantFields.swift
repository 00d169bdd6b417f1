internal import GatehouseCore
internal import YAMLReader

/// The keys of one entry of a route's `allow`.
enum GrantFields {
    static let users = Field(
        "users",
        Shape<[Glob]>.list(of: .user, wanted: "a list of e-mail addresses"),
        "E-mail addresses, `*` for any run of characters; compared without case, `xn--` domains as what they stand for."
    )
    static let serviceTokens = Field(
        "service_tokens",
        Shape<[Glob]>.list(of: .clientID, wanted: "a list of client ids"),
        "Client ids of service tokens, like `ID.access`."
    )
    static let groups = Field(
        "groups",
        Shape<[Glob]>.list(of: .glob(wanted: "a group"), wanted: "a list of groups"),
        "Groups of people, `*` for any run of characters; needs `access.groups`."
    )
    static let claims = Field(
        "claims",
        Shape<[TableEntry<MemberPath, [Glob]>]>.table(
            of: .list(of: .glob(wanted: "a claim's value"), minimum: 1, wanted: "a list of values"),
            wanted: "a mapping of claims to their values",
            keyWanted: "a path to a claim",
            key: MemberPath.init(parsing:)
        ),
        "Claims that narrow the grant: each must be there, with one of these values."
    )
    static let tools = Field(
        "tools",
        Shape<[Grant.Tool]>.list(of: ToolFields.shape, wanted: "a list of tools"),
        "Tools by name, or with the arguments that they may be called with; omitted: all."
    )
    static let prompts = Field("prompts", globs("a prompt's name", "a list of prompts"), "Prompts; omitted: all.")
    static let resources = Field(
        "resources",
        globs("a resource's URI", "a list of resources"),
        "Resource URIs; omitted: all."
    )

    static let all = [
        users.form, serviceTokens.form, groups.form, claims.form, tools.form, prompts.form, resources.form,
    ]

    static let shape = Shape<Grant>.mapping(all, wanted: "a grant") { keys, decoding in
        let users = keys.read(users)
        let serviceTokens = keys.read(serviceTokens)
        let groups = keys.read(groups)
        let claims = keys.read(claims)
        let tools = keys.read(tools)
        let prompts = keys.read(prompts)
        let resources = keys.read(resources)
        guard !keys.isMeant(GrantFields.claims.key) || claims != nil else { return nil }
        let lists: [(key: String, list: [Glob]?)] = [
            (GrantFields.users.key, users), (GrantFields.serviceTokens.key, serviceTokens),
            (GrantFields.groups.key, groups),
        ]
        let meant = lists.filter { keys.isMeant($0.key) }
        if meant.allSatisfy({ $0.list?.isEmpty ?? false }) {
            decoding.error(
                "a grant names nobody",
                at: keys.place(of: GrantFields.users.key),
                hint: "give it users, groups or service_tokens; \"*\" is everyone of a kind"
            )
            return nil
        }
        return Grant(
            Grant.Callers(
                users: users ?? [],
                serviceTokens: serviceTokens ?? [],
                groups: groups ?? [],
                claims: (claims ?? []).map { Grant.Callers.Claim($0.key, $0.value) }
            ),
            tools: tools,
            prompts: prompts,
            resources: resources
        )
    }

    private static func globs(_ wanted: String, _ listWanted: String) -> Shape<[Glob]> {
        .list(of: .glob(wanted: wanted), wanted: listWanted)
    }
}
