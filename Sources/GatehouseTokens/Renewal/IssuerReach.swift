internal import GatehouseCore

/// Where a server may stand that is asked with credentials, or for the address of one.
package struct IssuerReach: Hashable, Sendable {
    /// Nil where the configuration names the server itself.
    private let named: Set<String>?

    /// The configuration names the server that is asked.
    package static let configured = IssuerReach(named: nil)

    /// A document of somebody else names it: over `https`, at a public address, but for the hosts that the configuration names beside. Otherwise a
    /// document could have Gatehouse ask what only this machine reaches.
    package static func discovered(naming hosts: Set<String>) -> IssuerReach { IssuerReach(named: hosts) }

    /// The judge of the address that was connected to; nil where any will do.
    func admitted(_ url: String) -> (@Sendable (String) -> Bool)? {
        let isSecure = url.hasPrefix("https://")
        if named == nil, isSecure { return nil }
        guard let named else { return Loopback.contains }
        guard let host = (try? WebURL(parsing: url))?.host else { return { _ in false } }
        guard named.contains(host) else { return isSecure ? PublicAddress.contains : { _ in false } }
        return isSecure ? nil : Loopback.contains
    }

    /// Whether a document may name the address at all; where its host stands is judged when it is asked.
    func mayName(_ url: WebURL) -> Bool { url.isSecure || named?.contains(url.host) ?? true }
}
