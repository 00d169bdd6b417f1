internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Glibc

/// Makes what joins an instance to the others of its fleet.
enum FleetAssembly {
    /// The database through which the instances know each other; nil where state is not kept in a PostgreSQL.
    ///
    /// - Throws: ``TokenError`` when a master key cannot be read.
    static func database(_ configuration: Configuration) throws -> FleetDatabase? {
        guard case .postgres(let url, let masterKeys)? = configuration.state?.settings else { return nil }
        return FleetDatabase(url: url.secret, keyring: try MasterKeyring(sources: masterKeys.all))
    }

    /// The name under which this machine is shown.
    static let machine: String = {
        var bytes = [CChar](repeating: 0, count: InstanceCard.maximumLength + 1)
        guard gethostname(&bytes, InstanceCard.maximumLength) == 0 else { return "" }
        return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()
}
