internal import GatehouseCore
internal import YAMLReader

/// The keys of one of `stores`, by its `kind`.
enum StoreFields {
    static let variables = Field(
        "variables",
        Shape<[TableEntry<TokenName, String>]>.table(
            of: .variableName,
            wanted: "a mapping of token names to variables",
            keyWanted: "the name of a token",
            key: TokenName.init(parsing:)
        ),
        .fallback([]),
        "Variables by token name; by default token `coda` is `$CODA_API_TOKEN`."
    )
    static let files = Field(
        "path",
        Shape<String>.absolutePath,
        .required,
        "The folder: the token `coda` is its file `coda`."
    )
    static let command = Field(
        "command",
        Shape<[String]>.list(of: .text(wanted: "a word"), minimum: 1, wanted: "a list of words"),
        .required,
        "The program and its arguments, one word each; `{token}` stands for the token's name. No shell reads it. It has 10 s, and what it prints is the token."
    )
    static let programVariables = Field(
        "environment",
        Shape<[String]>.list(of: .variableName, wanted: "a list of variables"),
        .fallback([]),
        "Variables that the program gets beside `PATH`, `HOME` and `LANG`."
    )
    static let cache = Field(
        "cache",
        .duration(CommandStoreSettings.cacheRange),
        .fallback(CommandStoreSettings.defaultCache),
        "How long a value is served before the program is run again."
    )
    static let databasePath = Field("path", Shape<String>.absolutePath, .required, "The database file.")
    static let masterKeys = Field(
        "master_keys",
        Shape<MasterKeys>.masterKeys,
        .required,
        "The keys that seal tokens, each `{ env: NAME }` or `{ file: PATH }`: the first seals, all open."
    )
    static let url = Field(
        "url",
        Shape<PostgresURL>.postgresURL,
        .required,
        "`postgres://user@host:port/database`; a password only by a variable: as it is in `user:${PASSWORD}@host`, "
            + "percent-encoded in a variable that holds more of the URL."
    )
    static let site = Field(
        "site",
        Shape<WebURL>.parsed(wanted: "an https:// URL", WebURL.init(trusted:)),
        .required,
        "The Infisical instance; `https` unless on this machine."
    )
    static let project = Field("project", Shape<String>.text(wanted: "a project id"), .required, "The project's id.")
    static let environment = Field(
        "environment",
        Shape<String>.text(wanted: "an environment"),
        .required,
        "The environment's slug, like `prod`."
    )
    static let folder = Field(
        "path",
        Shape<String>.absolutePath,
        .fallback(InfisicalStoreSettings.defaultPath),
        "The folder that holds the secrets."
    )
    static let clientID = Field(
        "client_id",
        Shape<SecretSource>.secret,
        .required,
        "The machine identity's client id: `{ env: NAME }` or `{ file: PATH }`."
    )
    static let clientSecret = Field(
        "client_secret",
        Shape<SecretSource>.secret,
        .required,
        "The machine identity's client secret: `{ env: NAME }` or `{ file: PATH }`."
    )

    static let authorities = Field(
        "ca",
        Shape<String>.absolutePath,
        "A PEM file with the authority of the instance's certificate, instead of the system's."
    )

    static let shape = Shape<StoreSettings>.variants(
        wanted: "a store",
        [
            Variant(StoreSettings.Kind.env, "Environment variables, for a first day.", [variables.form]) { keys, _ in
                keys.read(variables).map { entries in
                    let pairs = entries.map { ($0.key, $0.value) }
                    return .environment(EnvironmentStoreSettings(variables: Dictionary(pairs) { first, _ in first }))
                }
            },
            Variant(StoreSettings.Kind.file, "Files of a folder, as Docker and Kubernetes mount secrets.", [files.form])
            { keys, _ in
                keys.read(files).map { .file(path: $0) }
            },
            Variant(
                StoreSettings.Kind.exec,
                "A program that prints a token, such as a password manager's.",
                [command.form, programVariables.form, cache.form]
            ) { keys, _ in
                let command = keys.read(command)
                let variables = keys.read(programVariables)
                let cache = keys.read(cache)
                guard let command, let variables, let cache else { return nil }
                return .exec(CommandStoreSettings(command: command, variables: variables, cache: cache))
            },
            Variant(StoreSettings.Kind.sqlite, "An encrypted file.", [databasePath.form, masterKeys.form]) { keys, _ in
                let path = keys.read(databasePath)
                let masterKeys = keys.read(masterKeys)
                guard let path, let masterKeys else { return nil }
                return .sqlite(path: path, masterKeys: masterKeys)
            },
            Variant(
                StoreSettings.Kind.postgres,
                "An encrypted database for several machines.",
                [url.form, masterKeys.form]
            ) { keys, _ in
                let url = keys.read(url)
                let masterKeys = keys.read(masterKeys)
                guard let url, let masterKeys else { return nil }
                return .postgres(url: url, masterKeys: masterKeys)
            },
            Variant(
                StoreSettings.Kind.infisical,
                "An Infisical project.",
                [
                    site.form, project.form, environment.form, folder.form, clientID.form, clientSecret.form,
                    authorities.form,
                ]
            ) { keys, _ in
                let site = keys.read(site)
                let project = keys.read(project)
                let environment = keys.read(environment)
                let path = keys.read(folder)
                let clientID = keys.read(clientID)
                let clientSecret = keys.read(clientSecret)
                let authorities = keys.read(authorities)
                guard let site, let project, let environment, let path, let clientID, let clientSecret else {
                    return nil
                }
                return .infisical(
                    InfisicalStoreSettings(
                        site: site,
                        project: project,
                        environment: environment,
                        path: path,
                        clientID: clientID,
                        clientSecret: clientSecret,
                        authorities: authorities
                    )
                )
            },
            Variant(
                StoreSettings.Kind.vault,
                "A KV engine of version 2 in HashiCorp Vault or OpenBao.",
                VaultFields.all,
                read: VaultFields.read
            ),
        ]
    )
}

extension Shape where Value == String {
    static let variableName = parsed(wanted: "the name of an environment variable") { text throws(InvalidValue) in
        guard Environment.isName(text) else { throw InvalidValue("the name of an environment variable is wanted") }
        return text
    }
}
