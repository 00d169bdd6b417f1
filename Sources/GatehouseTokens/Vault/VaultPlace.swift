package import GatehouseCore

/// The place of the tokens in a HashiCorp Vault or OpenBao, and the identity that reads them.
package struct VaultPlace: Sendable {
    /// The proof that Gatehouse shows. It is read anew at each sign-in, so that a changed file needs no restart.
    package enum Identity: Sendable {
        /// A token of Vault's.
        case token(SecretSource)
        /// An AppRole, by which each process gets a token of its own.
        case role(id: SecretSource, secret: SecretSource, mount: String)
    }

    /// A server without a slash at the end.
    package let address: WebURL
    /// Other nodes of its cluster, which a standby's redirect may name.
    package let nodes: [WebURL]
    /// The mount of the KV engine, as `secret`. This and the path hold nothing but letters, digits, `-_.~` and the slashes between.
    package let mount: String
    /// The folder below it.
    package let path: String
    package let namespace: String?
    package let identity: Identity
    /// A PEM file that replaces the system's certificate authorities.
    package let authoritiesFile: String?

    package init(
        address: WebURL,
        nodes: [WebURL] = [],
        mount: String,
        path: String,
        namespace: String? = nil,
        identity: Identity,
        authoritiesFile: String? = nil
    ) {
        self.address = address
        self.nodes = nodes
        self.mount = mount
        self.path = path
        self.namespace = namespace
        self.identity = identity
        self.authoritiesFile = authoritiesFile
    }

    /// The target of a secret's versions.
    func data(_ name: TokenName) -> String { "/v1/\(mount)/data/\(path)/\(name)" }

    /// The target of all that is known of a secret.
    func metadata(_ name: TokenName) -> String { "/v1/\(mount)/metadata/\(path)/\(name)" }

    /// The target of the folder's names.
    var folder: String { "/v1/\(mount)/metadata/\(path)" }

    /// The node that a standby's redirect names: the token goes nowhere but to a server that the operator has named, by the same scheme, and asks there
    /// for nothing but what was asked for. Whoever could answer once in Vault's place would else be given the token, or would choose where it is spent.
    func node(_ location: String, for target: String) -> WebURL? {
        guard let url = try? WebURL(parsing: location), url.target == target else { return nil }
        return ([address] + nodes).first {
            $0.isSecure == url.isSecure && $0.host == url.host && $0.port == url.port
        }
    }
}
