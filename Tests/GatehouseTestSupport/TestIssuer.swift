internal import GatehouseCore
internal import Crypto
internal import CryptoExtras

/// Mints assertions as Cloudflare Access does, with keys of its own. The keys are made once for each test process: no
/// test may depend on their bytes.
package struct TestIssuer: Sendable {
    /// An RSA key pair and the id it is published under.
    package struct Key: Sendable {
        package let id: String
        private let pair: _RSA.Signing.PrivateKey

        package init(id: String, bits: Int = 2048) {
            self.id = id
            pair = try! _RSA.Signing.PrivateKey(unsafeKeySize: _RSA.Signing.KeySize(bitCount: bits))
        }

        /// The same pair under another id.
        package init(_ key: Key, id: String) {
            self.id = id
            pair = key.pair
        }

        /// RSASSA-PKCS1-v1_5 with SHA-256 over the bytes.
        package func signature(over bytes: some Collection<UInt8>) -> [UInt8] {
            let digest = SHA256.hash(data: Array(bytes))
            return Array(try! pair.signature(for: digest, padding: .insecurePKCS1v1_5).rawRepresentation)
        }

        /// As PS256 would sign: another padding.
        package func pssSignature(over bytes: some Collection<UInt8>) -> [UInt8] {
            Array(try! pair.signature(for: SHA256.hash(data: Array(bytes)), padding: .PSS).rawRepresentation)
        }

        /// The private key, for who signs by a file.
        package var pem: String { pair.pemRepresentation }

        package var modulus: [UInt8] { Array(try! pair.publicKey.getKeyPrimitives().modulus) }
        package var exponent: [UInt8] { Array(try! pair.publicKey.getKeyPrimitives().publicExponent) }

        /// The public key as one JWK, as Access writes it.
        package var jwk: String {
            let n = Base64URL.encode(modulus)
            return
                #"{"kid":"\#(id)","kty":"RSA","alg":"RS256","use":"sig","e":"\#(Base64URL.encode(exponent))","n":"\#(n)"}"#
        }
    }

    package static let firstKey = Key(id: "1f0a2c5d7e")
    package static let secondKey = Key(id: "9b8e7d6c5a")
    package static let defaultIssuer = "https://example.cloudflareaccess.com"
    package static let defaultAudience = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
    /// 2026-11-23T09:00:00Z: what tests take for now.
    package static let defaultNow: Int64 = 1_795_424_400

    package var issuer: String
    package var audience: String
    package var key: Key

    package init(
        issuer: String = TestIssuer.defaultIssuer,
        audience: String = TestIssuer.defaultAudience,
        key: Key = TestIssuer.firstKey
    ) {
        self.issuer = issuer
        self.audience = audience
        self.key = key
    }

    /// A key set as the certs URL serves it, with the members beside `keys` that are to be ignored.
    package static func jwkSet(_ keys: [Key]) -> [UInt8] {
        let list = keys.map(\.jwk).joined(separator: ",")
        let cert =
            #"{"kid":"\#(keys.first?.id ?? "")","cert":"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}"#
        return Array(#"{"keys":[\#(list)],"public_cert":\#(cert),"public_certs":[\#(cert)]}"#.utf8)
    }

    package var jwkSet: [UInt8] { Self.jwkSet([key]) }

    /// An assertion of a person. `changes` are claims by name as JSON text, replacing what would stand there; nil leaves
    /// the claim out.
    package func user(
        _ email: String = "david@example.com",
        now: Int64 = TestIssuer.defaultNow,
        lasting seconds: Int64 = 3600,
        with changes: KeyValuePairs<String, String?> = [:]
    ) -> String {
        mint(
            [
                ("aud", #"["\#(audience)"]"#), ("email", #""\#(email)""#), ("exp", "\(now + seconds)"),
                ("iat", "\(now)"),
                ("nbf", "\(now)"), ("iss", #""\#(issuer)""#), ("type", #""app""#),
                ("identity_nonce", #""6ei69kawdKzMIAPF""#),
                ("sub", #""7335d417-61da-459d-899c-0a01c76a2f94""#), ("country", #""AT""#),
            ],
            changes
        )
    }

    /// An assertion of a service token.
    package func service(
        _ commonName: String = "e367826f93b8d71185e03fe518aff3b4.access",
        now: Int64 = TestIssuer.defaultNow,
        lasting seconds: Int64 = 3600,
        with changes: KeyValuePairs<String, String?> = [:]
    ) -> String {
        mint(
            [
                ("aud", #""\#(audience)""#), ("common_name", #""\#(commonName)""#), ("exp", "\(now + seconds)"),
                ("iat", "\(now)"), ("iss", #""\#(issuer)""#), ("type", #""app""#), ("sub", #""""#),
            ],
            changes
        )
    }

    /// The header that goes with ``key``.
    package var header: String { #"{"alg":"RS256","kid":"\#(key.id)"}"# }

    /// Signs any two texts, however wrong they are.
    package func mint(header: String? = nil, payload: String) -> String {
        mint(header: Array((header ?? self.header).utf8), payload: Array(payload.utf8))
    }

    package func mint(header: [UInt8], payload: [UInt8]) -> String {
        let signed = Base64URL.encode(header) + "." + Base64URL.encode(payload)
        return signed + "." + Base64URL.encode(key.signature(over: signed.utf8))
    }

    private func mint(_ claims: [(String, String)], _ changes: KeyValuePairs<String, String?>) -> String {
        var claims: [(String, String?)] = claims
        for (name, value) in changes {
            if let place = claims.firstIndex(where: { $0.0 == name }) {
                claims[place].1 = value
            } else {
                claims.append((name, value))
            }
        }
        let members = claims.compactMap { name, value in value.map { #""\#(name)":\#($0)"# } }
        return mint(payload: "{" + members.joined(separator: ",") + "}")
    }
}
