internal import Crypto
internal import FoundationEssentials
internal import GatehouseCore

/// A credential as its row says.
struct BearerRecord: Equatable, Sendable {
    /// Bytes of the names of routes that one opens.
    static let maximumRoutes = 64 << 10

    var id: String
    var name: String
    var digest: [UInt8]
    /// Names of routes, sorted, a comma between two.
    var routes: String
    var issuedAt: Int64
    var expiresAt: Int64
    var issuedBy: String
    var note: String
    var revokedAt: Int64?
    var revokedBy: String

    /// Everything that the record says.
    private var framed: [UInt8] {
        var fields = Framing()
        fields.append(Self.prefix)
        fields.append("bearers")
        fields.append(id)
        fields.append(name)
        fields.append(digest)
        fields.append(routes)
        fields.append(issuedAt)
        fields.append(expiresAt)
        fields.append(issuedBy)
        fields.append(note)
        fields.append(revokedAt)
        fields.append(revokedBy)
        return fields.bytes
    }

    private static let prefix = Array("GHB1".utf8)

    /// The format prefix, and HMAC-SHA256 over the record under the instance's key: who could write the row had that key. A retired key vouches
    /// for none: the time in a record is chosen by the holder of the key that seals it.
    func sealed(under keys: PurposeKeys) -> [UInt8] {
        Self.prefix + Array(HMAC<SHA256>.authenticationCode(for: framed, using: Self.symmetric(keys.current)))
    }

    func isSealed(by seal: [UInt8], under keys: PurposeKeys) -> Bool {
        guard seal.starts(with: Self.prefix) else { return false }
        let code = seal.dropFirst(Self.prefix.count)
        return keys.all.contains { key in
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: framed, using: Self.symmetric(key))
        }
    }

    private static func symmetric(_ key: Secret) -> SymmetricKey { key.withUnsafeBytes { SymmetricKey(data: $0) } }

    /// Nil unless each part is what ``BearerStore`` writes.
    var routeNames: Set<RouteName>? {
        let names = routes.split(separator: ",").map { try? RouteName(parsing: String($0)) }
        return names.isEmpty || names.contains(nil) ? nil : Set(names.compactMap { $0 })
    }

    /// Whether it lasts no longer than one may.
    var hasBoundedLifetime: Bool {
        let (lifetime, overflows) = expiresAt.subtractingReportingOverflow(issuedAt)
        let longest = BearerStore.lifetimeRange.upperBound.components.seconds * 1_000_000
        return !overflows && (0...longest).contains(lifetime)
    }

    /// Whether it lasts no longer than one may that is issued by now: a seal under a key that leaked makes no credential for ever.
    func isBounded(at now: Timestamp) -> Bool {
        hasBoundedLifetime && Timestamp(microseconds: issuedAt) <= now + BearerStore.clockSkew
    }

    func isLive(at now: Timestamp) -> Bool { revokedAt == nil && now.microseconds < expiresAt }
}
