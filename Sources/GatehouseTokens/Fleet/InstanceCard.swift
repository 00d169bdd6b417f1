internal import Crypto
package import GatehouseCore

/// An instance as it tells the others of itself.
package struct InstanceCard: Sendable, Equatable {
    /// Characters of each text.
    package static let maximumLength = 128

    /// The process's own name, drawn at its start.
    package let id: String
    /// The machine's.
    package let name: String
    package let version: String
    package let since: Timestamp
    /// The digest of the configuration that is in force.
    package let configuration: String

    package init(id: String, name: String, version: String, since: Timestamp, configuration: String) {
        self.id = String(id.prefix(Self.maximumLength))
        self.name = String(name.prefix(Self.maximumLength))
        self.version = String(version.prefix(Self.maximumLength))
        self.since = since
        self.configuration = String(configuration.prefix(Self.maximumLength))
    }

    /// A name for a process that no other one has.
    package static func drawID() -> String {
        SymmetricKey(size: .bits128).withUnsafeBytes { Hex.encode($0) }
    }

    /// HMAC-SHA256 over all of it: who wrote the row had the key.
    func seal(under key: Secret) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: framed, using: Self.symmetric(key)))
    }

    func isSealed(by seal: [UInt8], under keys: [Secret]) -> Bool {
        keys.contains {
            HMAC<SHA256>.isValidAuthenticationCode(seal, authenticating: framed, using: Self.symmetric($0))
        }
    }

    private static func symmetric(_ key: Secret) -> SymmetricKey { key.withUnsafeBytes { SymmetricKey(data: $0) } }

    private var framed: [UInt8] {
        var fields = Framing()
        fields.append("gatehouse instance v1")
        fields.append(id)
        fields.append(name)
        fields.append(version)
        fields.append(since.microseconds)
        fields.append(configuration)
        return fields.bytes
    }
}

/// Another instance, or this one, as the database has it.
package struct SeenInstance: Sendable, Equatable {
    package let card: InstanceCard
    /// How long ago it last said so, by the database's clock.
    package let age: Duration

    package init(card: InstanceCard, age: Duration) {
        self.card = card
        self.age = age
    }
}
