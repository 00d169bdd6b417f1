package import GatehouseCore

/// A folder of a KV engine of version 2.
package struct VaultStoreSettings: Equatable, Sendable {
    package enum Identity: Equatable, Sendable {
        case token(SecretSource)
        case role(id: SecretSource, secret: SecretSource, mount: VaultPath)

        var secrets: [SecretSource] {
            switch self {
            case .token(let token): [token]
            case .role(let id, let secret, _): [id, secret]
            }
        }
    }

    /// The mount that Vault's own documentation has.
    static let defaultMount = VaultPath(known: "secret")
    static let defaultAuthMount = VaultPath(known: "approle")

    package let address: WebURL
    /// Other nodes of the cluster, to which a redirect is followed.
    package let nodes: [WebURL]
    package let mount: VaultPath
    package let path: VaultPath
    package let namespace: VaultPath?
    package let identity: Identity
    /// A PEM file that replaces the system's certificate authorities.
    package let authorities: String?
}

/// A mount, a folder or a namespace: names with slashes between them, of letters, digits and `-_.~`. None is `.` or `..`, which a server on the way could
/// take for another place, and nothing in it is written in two ways.
package struct VaultPath: Hashable, Sendable, CustomStringConvertible {
    package static let maximumLength = 256

    /// Without a slash at either end.
    package let text: String

    package init(parsing text: String) throws(InvalidValue) {
        var bare = text[...]
        if bare.hasPrefix("/") { bare.removeFirst() }
        if bare.hasSuffix("/") { bare.removeLast() }
        let names = bare.split(separator: "/", omittingEmptySubsequences: false)
        guard bare.utf8.count <= Self.maximumLength,
            names.allSatisfy({ name in
                !name.isEmpty && name != "." && name != ".."
                    && name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "-_.~".utf8.contains($0) }
            })
        else {
            throw InvalidValue(
                "\(PlainText.echo(text)) is no path in Vault: names of letters, digits, '-', '_', '.' and '~' with '/' between them, and none '.' or '..'"
            )
        }
        self.text = String(bare)
    }

    fileprivate init(known text: String) { self.text = text }

    package var description: String { text }
}
