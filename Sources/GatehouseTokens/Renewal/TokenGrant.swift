package import GatehouseCore
internal import Glibc

/// The answer of an authorization server or GitHub: an access token that ends by itself, and what renews it.
package struct TokenGrant: Sendable {
    package let access: Secret
    /// The refresh token that the next renewal shows; nil where the client's own credentials do (RFC 6749 section 4.4.3).
    package let refresh: Secret?
    package let issuedAt: Timestamp
    /// Nil where the server did not say: such a token is renewed when an upstream rejects it.
    package let expiresAt: Timestamp?
    /// The mark of the value that an operator set and that the first of these grants came from; another value begins anew.
    package let seed: SeedDigest?

    /// When its renewal is due by itself, give or take.
    package var renewsAt: Timestamp? {
        expiresAt.map { issuedAt + max(.zero, $0 - issuedAt) * RenewalSchedule.renewAfter }
    }

    package init(
        access: Secret,
        refresh: Secret? = nil,
        issuedAt: Timestamp,
        expiresAt: Timestamp?,
        seed: SeedDigest? = nil
    ) {
        self.access = access
        self.refresh = refresh
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.seed = seed
    }
}

/// The state of one renewed token as it is kept.
package enum KeptGrant: Sendable {
    case usable(TokenGrant)
    /// The server gives nothing for it any more: somebody has to connect it anew.
    case needsConnecting(why: String, seed: SeedDigest?)

    package var seed: SeedDigest? {
        switch self {
        case .usable(let grant): grant.seed
        case .needsConnecting(_, let seed): seed
        }
    }
}

// MARK: - As sealed

extension KeptGrant {
    /// The format of what is sealed: the prefix, and ``Framing``'s fields. In a usable one: 1, access, refresh (length 0: none), issued, expires,
    /// seed. In one that needs connecting: 0, why, seed.
    private static let prefix = Array("GHG1".utf8)

    /// The bytes that are sealed.
    var payload: Secret {
        var fields = Framing()
        switch self {
        case .usable(let grant):
            fields.append(1)
            grant.access.withUnsafeBytes { fields.append($0) }
            if let refresh = grant.refresh { refresh.withUnsafeBytes { fields.append($0) } } else { fields.append([]) }
            fields.append(grant.issuedAt.microseconds)
            fields.append(grant.expiresAt?.microseconds)
            fields.append(grant.seed?.bytes ?? [])
        case .needsConnecting(let why, let seed):
            fields.append(0)
            fields.append(why)
            fields.append(seed?.bytes ?? [])
        }
        var bytes = fields.bytes
        defer { bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        return Secret(count: Self.prefix.count + bytes.count) { target in
            target.copyBytes(from: Self.prefix)
            target[Self.prefix.count...].copyBytes(from: bytes)
        }
    }

    /// - Returns: nil for bytes that are not ``payload``.
    init?(payload: Secret) {
        let read: KeptGrant? = payload.withUnsafeBytes { bytes in
            guard bytes.starts(with: Self.prefix) else { return nil }
            var fields = FramedFields(UnsafeRawBufferPointer(rebasing: bytes[Self.prefix.count...]))
            guard let kind = fields.number() else { return nil }
            switch kind {
            case 1:
                guard let access = fields.next(), !access.isEmpty, let refresh = fields.next(),
                    let issued = fields.number(), let expires = fields.optionalNumber(), let seed = fields.next(),
                    fields.isAtEnd
                else { return nil }
                return .usable(
                    TokenGrant(
                        access: Secret(access),
                        refresh: refresh.isEmpty ? nil : Secret(refresh),
                        issuedAt: Timestamp(microseconds: issued),
                        expiresAt: expires.map { Timestamp(microseconds: $0) },
                        seed: SeedDigest(stored: Array(seed))
                    )
                )
            case 0:
                guard let why = fields.next(), let seed = fields.next(), fields.isAtEnd else { return nil }
                return .needsConnecting(
                    why: String(decoding: why, as: UTF8.self),
                    seed: SeedDigest(stored: Array(seed))
                )
            case _: return nil
            }
        }
        guard let read else { return nil }
        self = read
    }
}

/// Reads what ``Framing`` wrote.
struct FramedFields {
    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard rest.count >= 4 else { return nil }
        let count = Int(rest.loadUnaligned(as: UInt32.self).bigEndian)
        guard rest.count - 4 >= count else { return nil }
        defer { rest = UnsafeRawBufferPointer(rebasing: rest[(4 + count)...]) }
        return UnsafeRawBufferPointer(rebasing: rest[4..<4 + count])
    }

    mutating func number() -> Int64? { optionalNumber() ?? nil }

    /// - Returns: `.some(nil)` for a field of length 0.
    mutating func optionalNumber() -> Int64?? {
        guard let field = next() else { return nil }
        switch field.count {
        case 0: return .some(nil)
        case 8: return .some(Int64(bigEndian: field.loadUnaligned(as: Int64.self)))
        case _: return nil
        }
    }
}
