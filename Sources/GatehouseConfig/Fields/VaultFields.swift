internal import GatehouseCore
internal import YAMLReader

/// The keys of a store of kind `vault`.
enum VaultFields {
    static let address = Field(
        "address",
        server,
        .required,
        "The server; `https` unless on this machine."
    )
    static let nodes = Field(
        "nodes",
        Shape<[WebURL]>.list(of: server, wanted: "a list of https:// URLs"),
        .fallback([]),
        "Other nodes of its cluster. A standby's redirect is followed to `address` and to these, and the token is sent to no other host."
    )
    static let mount = Field(
        "mount",
        path("a mount"),
        .fallback(VaultStoreSettings.defaultMount),
        "The mount of the KV engine, which is of version 2."
    )
    static let folder = Field(
        "path",
        path("a folder"),
        .required,
        "The folder below `mount`: the token `coda` is its secret `coda`, with the value in the field `value`."
    )
    static let namespace = Field(
        "namespace",
        path("a namespace"),
        "The namespace of the mount and of the identity, such as `team/mcp`."
    )
    static let token = Field(
        "token",
        Shape<SecretSource>.secret,
        "A token of Vault's, `{ env: NAME }` or `{ file: PATH }`, in place of `role_id` and `secret_id`. One that may be renewed is renewed; a file is read again every 5 min, and at once when the token is refused."
    )
    static let roleID = Field(
        "role_id",
        Shape<SecretSource>.secret,
        "The AppRole's id: `{ env: NAME }` or `{ file: PATH }`."
    )
    static let secretID = Field(
        "secret_id",
        Shape<SecretSource>.secret,
        "The AppRole's secret id: `{ env: NAME }` or `{ file: PATH }`."
    )
    static let authMount = Field(
        "auth_mount",
        path("a mount"),
        "The mount of the AppRole method, `approle` by default."
    )
    static let authorities = Field(
        "ca",
        Shape<String>.absolutePath,
        "A PEM file with the authority of the server's certificate, instead of the system's."
    )

    static let all = [
        address.form, nodes.form, mount.form, folder.form, namespace.form, token.form, roleID.form, secretID.form,
        authMount.form, authorities.form,
    ]

    static func read(_ keys: inout Keys, _ decoding: Decoding) -> StoreSettings? {
        let address = keys.read(address)
        let nodes = keys.read(nodes)
        let mount = keys.read(mount)
        let folder = keys.read(folder)
        let namespace = keys.read(namespace)
        let identity = identity(&keys, decoding)
        let authorities = keys.read(authorities)
        guard let address, let nodes, let mount, let folder, let identity,
            namespace != nil || !keys.has(Self.namespace.key), authorities != nil || !keys.has(Self.authorities.key)
        else { return nil }
        return .vault(
            VaultStoreSettings(
                address: address,
                nodes: nodes,
                mount: mount,
                path: folder,
                namespace: namespace,
                identity: identity,
                authorities: authorities
            )
        )
    }

    private static func identity(_ keys: inout Keys, _ decoding: Decoding) -> VaultStoreSettings.Identity? {
        let ofRole = [roleID.key, secretID.key, authMount.key]
        if keys.isMeant(token.key) {
            for key in ofRole where keys.has(key) {
                decoding.error(
                    "'\(key)' is for an AppRole, and there is a token",
                    at: keys.place(ofKey: key),
                    hint: "leave one of them out"
                )
            }
            return keys.read(token).map { .token($0) }
        }
        guard ofRole.contains(where: keys.isMeant) else {
            decoding.error(
                "there is nothing to sign in with",
                at: keys.beginning,
                hint: "role_id and secret_id of an AppRole, or token: each { env: NAME } or { file: PATH }"
            )
            return nil
        }
        let id = keys.require(roleID)
        let secret = keys.require(secretID)
        let mount = keys.has(authMount.key) ? keys.read(authMount) : VaultStoreSettings.defaultAuthMount
        guard let id, let secret, let mount else { return nil }
        keys.show(authMount.key, .value(mount.text))
        return .role(id: id, secret: secret, mount: mount)
    }

    private static let server = Shape<WebURL>.parsed(wanted: "an https:// URL") { text throws(InvalidValue) in
        let url = try WebURL(trusted: text)
        guard !url.target.contains("?") else { throw InvalidValue("the address of a server has no query") }
        return url
    }

    private static func path(_ wanted: String) -> Shape<VaultPath> {
        .parsed(wanted: wanted, VaultPath.init(parsing:))
    }
}
