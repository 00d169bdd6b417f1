internal import Crypto
internal import CryptoExtras
internal import GatehouseCore

/// An issuer that signs assertions as Cloudflare Access does, with a key of its own that lives as long as the demo.
struct DemoIssuer: Sendable {
    static let audience = "gatehouse-demo"
    static let keyID = "demo-key-1"

    let issuer: String
    private let key: _RSA.Signing.PrivateKey

    init(issuer: String) throws {
        self.issuer = issuer
        key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
    }

    /// The answer of the certs URL.
    var keySet: String {
        get throws {
            let primitives = try key.publicKey.getKeyPrimitives()
            var json = JSONText()
            json.object { set in
                set.array("keys") { keys in
                    keys.object { key in
                        key.string("kid", Self.keyID)
                        key.string("kty", "RSA")
                        key.string("alg", "RS256")
                        key.string("use", "sig")
                        key.string("n", Base64URL.encode(primitives.modulus))
                        key.string("e", Base64URL.encode(primitives.publicExponent))
                    }
                }
            }
            return json.text
        }
    }

    /// An assertion of a person, good for a time that may lie in the past.
    func assertion(for email: String, issuedAt: Timestamp, lasting duration: Duration) throws -> String {
        var claims = JSONText()
        claims.object { claims in
            claims.array("aud") { $0.string(nil, Self.audience) }
            claims.string("email", email)
            claims.number("exp", (issuedAt + duration).seconds)
            claims.number("iat", issuedAt.seconds)
            claims.number("nbf", issuedAt.seconds)
            claims.string("iss", issuer)
            claims.string("type", "app")
            claims.string("sub", "7335d417-61da-459d-899c-0a01c76a2f94")
            claims.string("country", "AT")
        }
        let header = #"{"alg":"RS256","kid":"\#(Self.keyID)","typ":"JWT"}"#
        let signed = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(claims.bytes)
        let signature = try key.signature(for: SHA256.hash(data: Array(signed.utf8)), padding: .insecurePKCS1v1_5)
        return signed + "." + Base64URL.encode(Array(signature.rawRepresentation))
    }
}
