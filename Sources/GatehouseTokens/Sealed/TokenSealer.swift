internal import Crypto
internal import FoundationEssentials
internal import GatehouseCore
internal import Glibc

/// Seals and opens values in the format of ``SealedValue``.
struct TokenSealer: Sendable {
    let keyring: MasterKeyring

    /// Random values that must never repeat; given only by the test of the format.
    struct Randomness {
        var dataKey = SymmetricKey(size: .bits256)
        var wrapNonce = AES.GCM.Nonce()
        var nonce = AES.GCM.Nonce()
    }

    /// - Parameter store: the one that the row stands in; nil for one that is not bound.
    func seal(
        _ value: Secret,
        in row: SealedRow,
        of store: StoreID? = nil,
        with random: Randomness = Randomness()
    ) throws(TokenError) -> [UInt8] {
        do {
            let key = keyring.first
            let wrapped = try wrap(random.dataKey, in: row, of: store, nonce: random.wrapNonce)
            let box = try value.withUnsafeBytes {
                try AES.GCM.seal($0, using: random.dataKey, nonce: random.nonce, authenticating: row.valueContext)
            }
            return Self.prefix(store) + key.id.bytes + wrapped + Array(random.nonce) + Array(box.ciphertext)
                + Array(box.tag)
        } catch {
            throw TokenError(.unavailable, "the token '\(row.name)' cannot be sealed", underlying: error)
        }
    }

    /// - Throws: ``TokenError`` `keyUnknown` naming the id, or `tampered` for bytes that are not the ones sealed for this row.
    func open(_ bytes: [UInt8], in row: SealedRow, of store: StoreID? = nil) throws(TokenError) -> Secret {
        guard let sealed = SealedValue(bytes) else { throw Self.tampered(row) }
        let dataKey = try unwrap(sealed, in: row, of: store)
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
    /// - Parameters:
    ///   - store: the one that the row was sealed for.
    ///   - new: the one that it is sealed for from now on.
    /// - Throws: as ``open(_:in:of:)``.
    func rewrap(
        _ bytes: [UInt8],
        in row: SealedRow,
        of store: StoreID? = nil,
        to new: StoreID? = nil
    ) throws(TokenError) -> [UInt8] {
        guard let sealed = SealedValue(bytes) else { throw Self.tampered(row) }
        let dataKey = try unwrap(sealed, in: row, of: store)
        do {
            let wrapped = try wrap(dataKey, in: row, of: new, nonce: AES.GCM.Nonce())
            return Self.prefix(new) + keyring.first.id.bytes + wrapped + bytes[72...]
        } catch {
            throw TokenError(.unavailable, "the token '\(row.name)' cannot be sealed", underlying: error)
        }
    }

    // MARK: -

    private static func prefix(_ store: StoreID?) -> [UInt8] {
        store == nil ? SealedValue.prefix : SealedValue.boundPrefix
    }

    private func wrap(
        _ dataKey: SymmetricKey,
        in row: SealedRow,
        of store: StoreID?,
        nonce: AES.GCM.Nonce
    ) throws -> [UInt8] {
        let key = keyring.first
        let context = row.wrapContext(keyID: key.id, store: store)
        let box = try dataKey.withUnsafeBytes {
            try AES.GCM.seal($0, using: key.wrapping, nonce: nonce, authenticating: context)
        }
        return Array(nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    private func unwrap(_ sealed: SealedValue, in row: SealedRow, of store: StoreID?) throws(TokenError) -> SymmetricKey
    {
        guard sealed.isBound == (store != nil) else { throw .otherStore(row.name, isBound: sealed.isBound) }
        guard let key = keyring[sealed.keyID] else {
            throw Self.keyUnknown(sealed.keyID, "the token '\(row.name)', version \(row.version),")
        }
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: sealed.wrapNonce),
                ciphertext: sealed.wrappedKey,
                tag: sealed.wrapTag
            )
            let context = row.wrapContext(keyID: key.id, store: store)
            var plain = try AES.GCM.open(box, using: key.wrapping, authenticating: context)
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
