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

    static let all = [users.form, serviceTokens.form, tools.form, prompts.form, resources.form]

    static let shape = Shape<Grant>.mapping(all, wanted: "a grant") { keys, decoding in
        let users = keys.read(users)
        let serviceTokens = keys.read(serviceTokens)
        let tools = keys.read(tools)
        let prompts = keys.read(prompts)
        let resources = keys.read(resources)
        let isNamingNobody = !keys.isMeant(GrantFields.users.key) && !keys.isMeant(GrantFields.serviceTokens.key)
        if isNamingNobody || users?.isEmpty ?? false && serviceTokens?.isEmpty ?? true
            || serviceTokens?.isEmpty ?? false && users == nil
        {
            decoding.error(
                "a grant names nobody",
                at: keys.place(of: GrantFields.users.key),
                hint: "give it users or service_tokens; \"*\" is everyone of a kind"
            )
            return nil
        }
        return Grant(
            Grant.Callers(users: users ?? [], serviceTokens: serviceTokens ?? []),
            tools: tools,
            prompts: prompts,
            resources: resources
        )
    }

    private static func globs(_ wanted: String, _ listWanted: String) -> Shape<[Glob]> {
        .list(of: .glob(wanted: wanted), wanted: listWanted)
    }
}
