package import GatehouseCore

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
    /// Nil for the one that a route shares.
    package let person: GrantPerson?

    /// When its renewal is due by itself, give or take.
    package var renewsAt: Timestamp? {
        expiresAt.map { issuedAt + max(.zero, $0 - issuedAt) * RenewalSchedule.renewAfter }
    }

    package init(
        access: Secret,
        refresh: Secret? = nil,
        issuedAt: Timestamp,
        expiresAt: Timestamp?,
        seed: SeedDigest? = nil,
        person: GrantPerson? = nil
    ) {
        self.access = access
        self.refresh = refresh
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.seed = seed
        self.person = person
    }

    /// The same tokens, of somebody.
    package func of(_ person: GrantPerson?) -> TokenGrant {
        TokenGrant(
            access: access,
            refresh: refresh,
            issuedAt: issuedAt,
            expiresAt: expiresAt,
            seed: seed,
            person: person
        )
    }
}

/// The state of one token that is not an operator's, as it is kept.
package enum KeptGrant: Sendable {
    case usable(TokenGrant)
    /// The server gives nothing for it any more: somebody has to connect it anew.
    case needsConnecting(why: String, seed: SeedDigest?, person: GrantPerson? = nil)
    /// The client by which people connect the token: kept as the grant that belongs to none of them.
    case client(RegisteredClient)

    package var seed: SeedDigest? {
        switch self {
        case .usable(let grant): grant.seed
        case .needsConnecting(_, let seed, _): seed
        case .client: nil
        }
    }

    package var person: GrantPerson? {
        switch self {
        case .usable(let grant): grant.person
        case .needsConnecting(_, _, let person): person
        case .client: nil
        }
    }
}

// MARK: - As sealed

extension KeptGrant {
    /// The format of what is sealed: the prefix, and ``Framing``'s fields. In a usable one: 1, access, refresh (length 0: none), issued, expires,
    /// seed. In one that needs connecting: 0, why, seed. Behind either, in a personal one: address, account, connected, and if a server gave it: issuer,
    /// token endpoint, revocation endpoint (length 0: none), client. In a client: 2, issuer, id, secret (length 0: none), its
    /// authentication, its redirect addresses with a space between, and if its secret ends, when.
    private static let prefix = Array("GHG1".utf8)

    /// The bytes that are sealed.
    var payload: Secret {
        var fields = Framing(after: Self.prefix)
        switch self {
        case .usable(let grant):
            fields.append(1)
            grant.access.withUnsafeBytes { fields.append($0) }
            if let refresh = grant.refresh { refresh.withUnsafeBytes { fields.append($0) } } else { fields.append([]) }
            fields.append(grant.issuedAt.microseconds)
            fields.append(grant.expiresAt?.microseconds)
            fields.append(grant.seed?.bytes ?? [])
            grant.person?.write(to: &fields)
        case .needsConnecting(let why, let seed, let person):
            fields.append(0)
            fields.append(why)
            fields.append(seed?.bytes ?? [])
            person?.write(to: &fields)
        case .client(let client):
            fields.append(2)
            fields.append(client.issuer)
            fields.append(client.id)
            if let secret = client.secret { secret.withUnsafeBytes { fields.append($0) } } else { fields.append([]) }
            fields.append(client.authentication.rawValue)
            fields.append(client.redirects.joined(separator: " "))
            if let end = client.expiresAt { fields.append(end.microseconds) }
        }
        return fields.secret
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
                    let person = GrantPerson.read(&fields)
                else { return nil }
                return .usable(
                    TokenGrant(
                        access: Secret(access),
                        refresh: refresh.isEmpty ? nil : Secret(refresh),
                        issuedAt: Timestamp(microseconds: issued),
                        expiresAt: expires.map { Timestamp(microseconds: $0) },
                        seed: SeedDigest(stored: Array(seed)),
                        person: person
                    )
                )
            case 0:
                guard let why = fields.text(), let seed = fields.next(), let person = GrantPerson.read(&fields) else {
                    return nil
                }
                return .needsConnecting(why: why, seed: SeedDigest(stored: Array(seed)), person: person)
            case 2:
                guard let issuer = fields.text(), let id = fields.text(), let secret = fields.next(),
                    let authentication = fields.text().flatMap(ClientAuthentication.init(rawValue:)),
                    let redirects = fields.text()
                else { return nil }
                let end = fields.isAtEnd ? nil : fields.number()
                guard fields.isAtEnd else { return nil }
                return .client(
                    RegisteredClient(
                        issuer: issuer,
                        id: id,
                        secret: secret.isEmpty ? nil : Secret(secret),
                        authentication: authentication,
                        redirects: redirects.split(separator: " ").map(String.init),
                        expiresAt: end.map { Timestamp(microseconds: $0) }
                    )
                )
            case _: return nil
            }
        }
        guard let read else { return nil }
        self = read
    }
}

extension GrantPerson {
    fileprivate func write(to fields: inout Framing) {
        fields.append(email)
        fields.append(account)
        fields.append(connectedAt.microseconds)
        guard let server else { return }
        fields.append(server.issuer)
        fields.append(server.tokenURL)
        fields.append(server.revocationURL ?? "")
        fields.append(server.clientID)
    }

    /// Reads to the end.
    ///
    /// - Returns: nil for what is not written like this, `.some(nil)` where nothing follows.
    fileprivate static func read(_ fields: inout FramedFields) -> GrantPerson?? {
        if fields.isAtEnd { return .some(nil) }
        guard let email = fields.text(), let account = fields.text(), let connected = fields.number() else {
            return nil
        }
        var server: GrantServer?
        if !fields.isAtEnd {
            guard let issuer = fields.text(), let token = fields.text(), let revocation = fields.text(),
                let client = fields.text(), fields.isAtEnd
            else { return nil }
            server = GrantServer(
                issuer: issuer,
                tokenURL: token,
                revocationURL: revocation.isEmpty ? nil : revocation,
                clientID: client
            )
        }
        return GrantPerson(
            email: email,
            account: account,
            connectedAt: Timestamp(microseconds: connected),
            server: server
        )
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

    mutating func text() -> String? { next().map { String(decoding: $0, as: UTF8.self) } }

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
