internal import GatehouseCore

/// The digest of the token that came last: callers come in runs, and comparing a token costs a tenth of digesting it.
struct LastDigest {
    private var token: [UInt8] = []
    private var digest: TokenDigest?

    mutating func of(_ token: UnsafeRawBufferPointer, by digester: TokenDigester) -> TokenDigest {
        if let digest, isSame(token) { return digest }
        let new = digester.digest(token)
        self.token.removeAll(keepingCapacity: true)
        self.token.append(contentsOf: token)
        digest = new
        return new
    }

    /// Compares in a time that does not depend on how much of a guess is right, except for the last sixteen characters of the signature: they differ
    /// for nearly every other token, which is then rejected at once, and they cannot be guessed either.
    private func isSame(_ other: UnsafeRawBufferPointer) -> Bool {
        let count = token.count
        guard other.count == count, count >= 16 else { return false }
        return token.withUnsafeBytes { token in
            guard let one = token.baseAddress, let other = other.baseAddress else { return false }
            func difference(_ offset: Int) -> UInt64 { ByteWord.load(one, offset) ^ ByteWord.load(other, offset) }
            guard difference(count &- 8) | difference(count &- 16) == 0 else { return false }
            var differences: UInt64 = 0
            var offset = 0
            while offset &+ 8 <= count {
                differences |= difference(offset)
                offset &+= 8
            }
            return differences == 0
        }
    }
}
