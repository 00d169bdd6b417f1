package import GatehouseCore

/// The place of the tokens in an Infisical instance, and the identity that reads them.
package struct InfisicalPlace: Sendable {
    /// `https://host`, without a slash at the end.
    package let site: String
    package let project: String
    /// The environment's slug.
    package let environment: String
    /// The folder.
    package let path: String
    /// The machine identity, read anew at each sign-in, so that a changed file needs no restart.
    package let clientID: SecretSource
    package let clientSecret: SecretSource
    /// A PEM file that replaces the system's certificate authorities.
    package let authoritiesFile: String?

    package init(
        site: String,
        project: String,
        environment: String,
        path: String,
        clientID: SecretSource,
        clientSecret: SecretSource,
        authoritiesFile: String? = nil
    ) {
        self.site = site.hasSuffix("/") ? String(site.dropLast()) : site
        self.project = project
        self.environment = environment
        self.path = path
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.authoritiesFile = authoritiesFile
    }
}
