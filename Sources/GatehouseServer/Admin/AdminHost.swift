internal import GatehouseCore

/// Whether a page may be shown to who asks for it by a name. A web page elsewhere can have its own name resolve to this machine (DNS
/// rebinding) and then read what is served here as if it were its own; it cannot do so under an address, a name of this machine, or one that
/// the operator has named.
struct AdminHost: Sendable {
    private let own: Set<String>

    init(_ address: Endpoint, named hosts: [Host] = []) {
        var own = Set(hosts.map { Self.name($0.name) })
        if case .tcp(let host, _) = address { own.insert(Self.name(host)) }
        self.own = own
    }

    /// - Parameter field: the value of `Host`, nil when there is none.
    func admits(_ field: String?) -> Bool {
        guard let field, !field.isEmpty else { return false }
        let name = Self.name(field)
        if name == "localhost" || name.hasSuffix(".localhost") || own.contains(name) { return true }
        if field.hasPrefix("[") { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Lower case, without port and final dot.
    private static func name(_ field: String) -> String {
        guard !field.hasPrefix("[") else { return field.prefix { $0 != "]" } + "]" }
        var name = field.prefix { $0 != ":" }.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        return name
    }
}
