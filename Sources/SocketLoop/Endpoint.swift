/// Where a socket listens or connects.
package enum Endpoint: Hashable, Sendable {
    /// The host is a name or an address without brackets.
    case tcp(host: String, port: Int)
    case unix(path: String)
}
