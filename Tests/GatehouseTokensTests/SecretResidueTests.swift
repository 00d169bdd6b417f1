import CurlClient
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseTokens

/// What puts a secret together with something else, to be sealed or sent, leaves none of it in memory that serves others.
@Suite(.serialized) struct SecretResidueTests {
    /// Header-safe and drawn, so that it stands nowhere but here. Longer than what an array has room for at first.
    private static func secret() -> Secret {
        Secret(count: 96) { bytes in
            for place in bytes.indices { bytes[place] = UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z")) }
        }
    }

    private static func remains(of secret: Secret, after use: () -> Void) throws -> Int {
        for _ in 0..<20 { use() }
        return try OwnMemory.count(of: secret)
    }

    @Test func `of a grant that is sealed`() throws {
        let (access, refresh) = (Self.secret(), Self.secret())
        let grant = TokenGrant(
            access: access,
            refresh: refresh,
            issuedAt: Timestamp(microseconds: 1),
            expiresAt: nil,
            seed: nil
        )
        #expect(try Self.remains(of: access) { _ = KeptGrant.usable(grant).payload } == 0)
        #expect(try OwnMemory.count(of: refresh) == 0)
    }

    @Test func `of JSON that is sent`() throws {
        let secret = Self.secret()
        #expect(
            try Self.remains(of: secret) { _ = CurlBody.json([.text("{\"a\":"), .quoted(secret), .text("}")]) } == 0
        )
    }

    @Test func `of a form`() throws {
        let secret = Self.secret()
        let remains = try Self.remains(of: secret) {
            var form = FormBody()
            form.add("client_id", "gatehouse")
            form.add("client_secret", secret)
            _ = form.body
        }
        #expect(remains == 0)
    }

    @Test func `of base64`() throws {
        let secret = Self.secret()
        func encode() -> Secret {
            var encoded = SecretBuilder()
            secret.withUnsafeBytes { secret in Base64.encode(secret) { encoded.append($0) } }
            return encoded.secret
        }
        #expect(try Self.remains(of: encode()) { _ = encode() } == 0)
    }

    /// Without this the others could not fail.
    @Test func `is found where there is some`() throws {
        let secret = Self.secret()
        let copy = secret.withUnsafeBytes { Array($0) }
        #expect(try OwnMemory.count(of: secret) > 0)
        withExtendedLifetime(copy) {}
    }
}
