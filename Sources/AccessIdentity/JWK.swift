internal import CryptoExtras
internal import GatehouseCore

/// One member of a key set as it is written (RFC 7517 section 4), before anything is known to fit.
struct JWK {
    struct Unusable: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    private(set) var keyID: String?
    private var keyType: String?
    private var use: String?
    private var algorithm: String?
    private var operations: [String]?
    private var modulus: [UInt8]?
    private var exponent: [UInt8]?
    private var problem: Unusable?

    /// Reads as much as can be read; ``key()`` reports the rest.
    init(reading bytes: UnsafeRawBufferPointer) {
        do throws(JSONFault) {
            try read(bytes)
        } catch {
            problem = Unusable(error.code == .duplicateMember ? "a member stands twice" : "not an object of a key")
        }
    }

    /// The key, when everything about it fits an RS256 signature.
    func key() -> Result<(String, SigningKeys.Key), Unusable> {
        do throws(Unusable) {
            return .success(try checked())
        } catch {
            return .failure(error)
        }
    }

    private func checked() throws(Unusable) -> (String, SigningKeys.Key) {
        if let problem { throw problem }
        guard keyType == "RSA" else { throw Unusable("kty is not RSA") }
        guard use == nil || use == "sig" else { throw Unusable("use is not sig") }
        guard operations?.contains("verify") ?? true else { throw Unusable("key_ops has no verify") }
        guard algorithm == nil || algorithm == "RS256" else { throw Unusable("alg is not RS256") }
        guard let keyID, !keyID.isEmpty else { throw Unusable("no kid") }
        guard keyID.utf8.count <= SigningKeys.maximumKeyIDBytes else {
            throw Unusable("kid is longer than \(SigningKeys.maximumKeyIDBytes) bytes")
        }
        guard let modulus, let exponent, let lead = modulus.first else {
            throw Unusable("n or e is missing or not base64url")
        }
        let bits = modulus.count * 8 - lead.leadingZeroBitCount
        guard bits >= SigningKeys.minimumModulusBits else {
            throw Unusable("the modulus has \(bits) bits, fewer than \(SigningKeys.minimumModulusBits)")
        }
        guard bits <= SigningKeys.maximumModulusBits else {
            throw Unusable("the modulus has \(bits) bits, more than \(SigningKeys.maximumModulusBits)")
        }
        // 65537 is what everyone uses; 1 makes every padded digest its own signature, an even one is no RSA key.
        guard let last = exponent.last, last & 1 == 1, exponent.count > 1 || last >= 3, exponent.count <= 4 else {
            throw Unusable("the exponent is even, 1, or longer than four bytes")
        }
        guard !WeakKeys.hasSmallFactor(modulus) else {
            throw Unusable("the modulus has a small factor: it is no product of two large primes")
        }
        guard !WeakKeys.hasROCAFingerprint(modulus) else {
            throw Unusable("the modulus has the mark of a generator whose keys can be factored (CVE-2017-15361)")
        }
        guard let verification = try? _RSA.Signing.PublicKey(n: modulus, e: exponent) else {
            throw Unusable("n and e make no RSA key")
        }
        return (keyID, SigningKeys.Key(modulus: modulus, exponent: exponent, verification: verification))
    }

    private mutating func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        var scanner = try JSONScanner(bytes)
        var names = JSONNames()
        try scanner.beginObject()
        while let name = try scanner.nextMember(unique: &names) {
            if name == "kid" {
                keyID = try text(&scanner)
            } else if name == "kty" {
                keyType = try text(&scanner)
            } else if name == "use" {
                use = try text(&scanner)
            } else if name == "alg" {
                algorithm = try text(&scanner)
            } else if name == "key_ops" {
                operations = try texts(&scanner)
            } else if name == "n" {
                modulus = try number(&scanner)
            } else if name == "e" {
                exponent = try number(&scanner)
            } else {
                try scanner.skip()
            }
        }
    }

    /// A member that must be a string where it is present: another type makes the key unusable.
    private func text(_ scanner: inout JSONScanner) throws(JSONFault) -> String { try scanner.string().text }

    private func texts(_ scanner: inout JSONScanner) throws(JSONFault) -> [String] {
        var texts: [String] = []
        try scanner.beginArray()
        while try scanner.nextElement() { texts.append(try scanner.string().text) }
        return texts
    }

    /// A base64urlUInt (RFC 7518 section 2) without the leading zero bytes that some encoders leave.
    private func number(_ scanner: inout JSONScanner) throws(JSONFault) -> [UInt8]? {
        let string = try scanner.string()
        guard let bytes = Base64URL.decode(string.raw) else { return nil }
        return Array(bytes.drop { $0 == 0 })
    }
}
