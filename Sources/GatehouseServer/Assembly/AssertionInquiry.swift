package import AccessIdentity
package import GatehouseConfig
package import GatehouseCore

/// An assertion looked into, under the rules by which `gatehouse serve` would judge it.
package enum AssertionInquiry {
    /// The source of the keys.
    package enum Keys: Sendable {
        /// The configured certs URL.
        case issuer
        /// A file with a JWK set, as the certs URL would serve it.
        case file(String)
    }

    /// - Parameters:
    ///   - route: whose audiences are wanted; nil for those of every route.
    ///   - time: what is taken for now.
    /// - Throws: ``GatehouseError`` or `AccessIdentityError` when there are no keys to verify with.
    package static func explain(
        _ assertion: Secret,
        _ configuration: Configuration,
        route: Route?,
        keys: Keys,
        at time: Timestamp
    ) async throws -> AssertionExplanation {
        let routes = route.map { [$0] } ?? configuration.routes.routes
        let set = try SigningKeys(jwkSet: try await bytes(of: keys, configuration))
        return assertion.withUnsafeBytes { bytes in
            AssertionExplanation(
                of: bytes,
                policy: AccessAssembly.policy(configuration),
                keys: set,
                audiences: routes.reduce(into: []) { $0.formUnion($1.audiences) },
                now: time.seconds
            )
        }
    }

    private static func bytes(of keys: Keys, _ configuration: Configuration) async throws -> [UInt8] {
        switch keys {
        case .file(let path):
            // The key set is no secret, but it is read and bounded like one.
            do throws(InvalidValue) {
                return try SecretSource.file(path).read().withUnsafeBytes { Array($0) }
            } catch {
                throw GatehouseError(.unusable, error.message)
            }
        case .issuer:
            let url = try SigningKeysURL(configuration.access.certsURL.text).text
            do {
                return try await AccessAssembly.fetch(url)
            } catch {
                throw GatehouseError(
                    .unusable,
                    "the keys cannot be fetched from \(url)",
                    hint: "save a key set to a file where it can be fetched and name it with --keys",
                    underlying: error
                )
            }
        }
    }
}
