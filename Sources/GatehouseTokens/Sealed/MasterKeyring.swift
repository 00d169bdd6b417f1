package import GatehouseCore

/// The master keys of a sealed store. The first one seals; all of them open.
package struct MasterKeyring: Sendable, CustomStringConvertible {
    /// Keys in a ring: enough for a rotation that stretches over several. More are an error.
    package static let maximumCount = 16

    package let keys: [MasterKey]
    private let byID: [MasterKey.ID: MasterKey]

    package var first: MasterKey { keys[0] }

    /// - Throws: ``TokenError`` `configuration` for no key, too many, or one twice.
    package init(_ keys: [MasterKey]) throws(TokenError) {
        guard !keys.isEmpty else {
            throw TokenError(
                .configuration,
                "a sealed store needs a master key",
                hint: "gatehouse key generate makes one"
            )
        }
        guard keys.count <= Self.maximumCount else {
            throw TokenError(.configuration, "there are more than \(Self.maximumCount) master keys")
        }
        var byID: [MasterKey.ID: MasterKey] = [:]
        for key in keys {
            guard byID.updateValue(key, forKey: key.id) == nil else {
                throw TokenError(.configuration, "\(key) is given twice")
            }
        }
        self.keys = keys
        self.byID = byID
    }

    /// Reads the keys from the places that the configuration names.
    ///
    /// - Throws: ``TokenError`` `configuration` naming the place.
    package init(sources: [SecretSource]) throws(TokenError) {
        var keys: [MasterKey] = []
        for source in sources {
            do throws(InvalidValue) {
                keys.append(try Self.key(at: source))
            } catch {
                throw TokenError(.configuration, error.message, hint: error.suggestion, underlying: error)
            }
        }
        try self.init(keys)
    }

    subscript(id: MasterKey.ID) -> MasterKey? { byID[id] }

    package var description: String { keys.map(\.description).joined(separator: ", ") }

    private static func key(at source: SecretSource) throws(InvalidValue) -> MasterKey {
        let text = try source.read()
        do throws(TokenError) {
            return try MasterKey(parsing: text)
        } catch {
            throw InvalidValue("\(source): \(error.message)", suggestion: error.hint)
        }
    }
}
