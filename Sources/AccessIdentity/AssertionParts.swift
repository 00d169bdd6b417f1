internal import Crypto
internal import CryptoExtras
internal import GatehouseCore

/// The three parts of a compact JWS (RFC 7515 section 3.1), as ranges of the token.
struct AssertionParts {
    let token: UnsafeRawBufferPointer
    let header: UnsafeRawBufferPointer
    let payload: UnsafeRawBufferPointer
    let signature: UnsafeRawBufferPointer
    /// The signing input (RFC 7515 section 5.1): header and payload with the dot between.
    let signed: UnsafeRawBufferPointer

    /// Nil unless the token is three parts. Empty ones fail where they are read: `alg` of an unsigned token is the more
    /// telling reason.
    init?(_ token: UnsafeRawBufferPointer) {
        guard let first = token.firstIndex(of: 0x2E),
            let second = token[(first + 1)...].firstIndex(of: 0x2E),
            !token[(second + 1)...].contains(0x2E)
        else { return nil }
        self.token = token
        header = UnsafeRawBufferPointer(rebasing: token[..<first])
        payload = UnsafeRawBufferPointer(rebasing: token[(first + 1)..<second])
        signature = UnsafeRawBufferPointer(rebasing: token[(second + 1)...])
        signed = UnsafeRawBufferPointer(rebasing: token[..<second])
    }

    struct Decoded {
        let header: UnsafeRawBufferPointer
        let payload: UnsafeRawBufferPointer
        let signature: UnsafeRawBufferPointer
    }

    /// All parts decoded into `scratch`; nil when one is not strict base64url.
    func decoded(into scratch: UnsafeMutableRawBufferPointer) -> Decoded? {
        guard let header = Base64URL.decode(header, into: scratch) else { return nil }
        var rest = UnsafeMutableRawBufferPointer(rebasing: scratch.dropFirst(header.count))
        guard let payload = Base64URL.decode(payload, into: rest) else { return nil }
        rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(payload.count))
        guard let signature = Base64URL.decode(signature, into: rest) else { return nil }
        return Decoded(header: header, payload: payload, signature: signature)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    func isSigned(_ signature: UnsafeRawBufferPointer, by key: SigningKeys.Key) -> Bool {
        guard signature.count == key.modulus.count else { return false }
        var hash = SHA256()
        hash.update(bufferPointer: signed)
        return key.verification.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: Array(signature)),
            for: hash.finalize(),
            padding: .insecurePKCS1v1_5
        )
    }
}
