internal import CryptoExtras
internal import GatehouseCore

extension SigningKeys {
    /// Reads a JWK set (RFC 7517 section 5): the array `keys`; every other member is ignored, also Access's `public_cert`
    /// and `public_certs`.
    ///
    /// One unusable key is skipped and reported in ``skipped``, it does not spoil the set. Two different keys with one `kid`
    /// are both skipped, because nothing says which is meant; the same key twice is one key.
    ///
    /// - Throws: `.keySetMalformed` when the bytes are not strict JSON, not an object, or have no array `keys`. A set
    ///   without a usable key is no error here.
    public init(jwkSet bytes: some Collection<UInt8>) throws(AccessIdentityError) {
        let copy = Array(bytes)
        let parsed: Result<JWKSetReader, JSONFault> = copy.withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var reader = JWKSetReader()
                try reader.read(bytes)
                return .success(reader)
            } catch {
                return .failure(error)
            }
        }
        switch parsed {
        case .success(let reader) where reader.hasKeys:
            self.init(keys: reader.keys, skipped: reader.skipped, servesUntil: nil)
        case .success:
            throw AccessIdentityError(.keySetMalformed, "the key set has no array \"keys\"")
        case .failure(let fault):
            throw AccessIdentityError(
                .keySetMalformed,
                "the key set is not a JSON object: \(fault.code.rawValue) at byte \(fault.offset)"
            )
        }
    }
}

/// Reads a JWK set member by member.
private struct JWKSetReader {
    var keys: [String: SigningKeys.Key] = [:]
    var skipped: [SigningKeys.Skipped] = []
    var hasKeys = false
    /// Ids that stood for two different keys.
    private var ambiguous: Set<String> = []
    private var seen = 0

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        var scanner = try JSONScanner(bytes)
        var names = JSONNames()
        try scanner.beginObject()
        while let name = try scanner.nextMember(unique: &names) {
            if name == "keys", scanner.next == .array {
                hasKeys = true
                try scanner.beginArray()
                while try scanner.nextElement() {
                    let element = try scanner.skip()
                    add(UnsafeRawBufferPointer(rebasing: bytes[element]))
                }
            } else {
                try scanner.skip()
            }
        }
        try scanner.finish()
    }

    private mutating func add(_ bytes: UnsafeRawBufferPointer) {
        seen += 1
        guard seen <= SigningKeys.maximumCount else {
            if seen == SigningKeys.maximumCount + 1 {
                skipped.append(
                    .init(keyID: nil, reason: "more than \(SigningKeys.maximumCount) keys: the rest is not read")
                )
            }
            return
        }
        let jwk = JWK(reading: bytes)
        switch jwk.key() {
        case .failure(let unusable): skipped.append(.init(keyID: jwk.keyID, reason: unusable.reason))
        case .success((let id, let key)): add(key, id)
        }
    }

    private mutating func add(_ key: SigningKeys.Key, _ id: String) {
        let refused = SigningKeys.Skipped(keyID: id, reason: "another key of the set has the same kid")
        if ambiguous.contains(id) {
            skipped.append(refused)
        } else if let other = keys[id] {
            guard !other.isSame(as: key) else { return }
            ambiguous.insert(id)
            keys[id] = nil
            skipped.append(refused)
            skipped.append(refused)
        } else {
            keys[id] = key
        }
    }
}
