internal import Crypto
internal import FoundationEssentials
internal import GatehouseCore
internal import Glibc

/// Seals and opens values in the format of ``SealedValue``.
struct TokenSealer: Sendable {
    let keyring: MasterKeyring

    /// What must never repeat; given only by the test of the format.
    struct Randomness {
        var dataKey = SymmetricKey(size: .bits256)
        var wrapNonce = AES.GCM.Nonce()
        var nonce = AES.GCM.Nonce()
    }

    func seal(_ value: Secret, in row: SealedRow, with random: Randomness = Randomness()) throws(TokenError) -> [UInt8]
    {
        do {
            let key = keyring.first
            let wrapped = try wrap(random.dataKey, in: row, nonce: random.wrapNonce)
            let box = try value.withUnsafeBytes {
                try AES.GCM.seal($0, using: random.dataKey, nonce: random.nonce, authenticating: row.valueContext)
            }
            return SealedValue.prefix + key.id.bytes + wrapped + Array(random.nonce) + Array(box.ciphertext)
                + Array(box.tag)
        } catch {
            throw TokenError(.unavailable, "the token '\(row.name)' cannot be sealed", underlying: error)
        }
    }

    /// - Throws: ``TokenError`` `keyUnknown` naming the id, or `tampered` for bytes that are not the ones sealed for this row.
    func open(_ bytes: [UInt8], in row: SealedRow) throws(TokenError) -> Secret {
        guard let sealed = SealedValue(bytes) else { throw Self.tampered(row) }
        let dataKey = try unwrap(sealed, in: row)
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: sealed.nonce),
                ciphertext: sealed.ciphertext,
                tag: sealed.tag
            )
            var plain = try AES.GCM.open(box, using: dataKey, authenticating: row.valueContext)
            defer { Self.wipe(&plain) }
            return Secret(count: plain.count) { target in plain.withUnsafeBytes { target.copyMemory(from: $0) } }
        } catch {
            throw Self.tampered(row)
        }
    }

    /// The same value under the first master key; the value itself stays closed.
    ///
    /// - Throws: as ``open(_:in:)``.
    func rewrap(_ bytes: [UInt8], in row: SealedRow) throws(TokenError) -> [UInt8] {
        guard let sealed = SealedValue(bytes) else { throw Self.tampered(row) }
        let dataKey = try unwrap(sealed, in: row)
        do {
            return SealedValue.prefix + keyring.first.id.bytes + (try wrap(dataKey, in: row, nonce: AES.GCM.Nonce()))
                + bytes[72...]
        } catch {
            throw TokenError(.unavailable, "the token '\(row.name)' cannot be sealed", underlying: error)
        }
    }

    // MARK: -

    private func wrap(_ dataKey: SymmetricKey, in row: SealedRow, nonce: AES.GCM.Nonce) throws -> [UInt8] {
        let key = keyring.first
        let context = row.wrapContext(keyID: key.id)
        let box = try dataKey.withUnsafeBytes {
            try AES.GCM.seal($0, using: key.wrapping, nonce: nonce, authenticating: context)
        }
        return Array(nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    private func unwrap(_ sealed: SealedValue, in row: SealedRow) throws(TokenError) -> SymmetricKey {
        guard let key = keyring[sealed.keyID] else {
            throw Self.keyUnknown(sealed.keyID, "the token '\(row.name)', version \(row.version),")
        }
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: sealed.wrapNonce),
                ciphertext: sealed.wrappedKey,
                tag: sealed.wrapTag
            )
            var plain = try AES.GCM.open(box, using: key.wrapping, authenticating: row.wrapContext(keyID: key.id))
            defer { Self.wipe(&plain) }
            return SymmetricKey(data: plain)
        } catch {
            throw Self.tampered(row)
        }
    }

    static func keyUnknown(_ id: MasterKey.ID, _ what: String) -> TokenError {
        TokenError(
            .keyUnknown,
            "\(what) was sealed under the master key \(id), which is not among master_keys",
            hint: "add that key to master_keys after the first, or set the token anew"
        )
    }

    private static func tampered(_ row: SealedRow) -> TokenError {
        TokenError(
            .tampered,
            "the token '\(row.name)', version \(row.version), does not open: its row was changed outside Gatehouse",
            hint: "delete the token and set it anew, and find out who wrote to the database"
        )
    }

    private static func wipe(_ data: inout Data) {
        data.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
        }
    }
}
