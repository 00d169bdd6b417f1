internal import Crypto
package import GatehouseCore

/// An operator's statement about a key in a file: until its end it was the installation's own key. Sealed under a master key, so that nobody who can
/// write the file's folder, but has no master key, can make such a statement.
///
/// Text: one line, `gatehouse-adopted-key 1`, the key's id, its end in microseconds since 1970, and the ``Attestation`` in hex.
package struct KeyAdoption: AttestedRecord, Sendable {
    static let prefix = Array("GHA1".utf8)
    private static let mark = "gatehouse-adopted-key 1"

    private let key: MasterKey
    package let end: Timestamp

    package init(of key: MasterKey, until end: Timestamp) {
        self.key = key
        self.end = end
    }

    var name: String { key.id.description }

    var framed: [UInt8] {
        var fields = Framing()
        fields.append(Self.prefix)
        fields.append(key.id.bytes)
        // More than the id, which is short: the record is about this key and no other.
        fields.append(key.derived(for: "gatehouse adoption v1").withUnsafeBytes { Array(SHA256.hash(data: $0)) })
        fields.append(end.microseconds)
        return fields.bytes
    }

    package func text(under keyring: MasterKeyring) -> String {
        "\(Self.mark) \(key.id) \(end.microseconds) \(Hex.encode(Attestation(keyring: keyring).seal(self)))\n"
    }

    /// Reads what was said of `key`.
    ///
    /// - Parameter ends: of master keys. One that was retired vouches for nothing after its end.
    /// - Returns: nil for every text that says nothing of it, or that no key of the ring sealed.
    package init?(
        of key: MasterKey,
        parsing text: String,
        under keyring: MasterKeyring,
        ends: [MasterKey.ID: Timestamp] = [:]
    ) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 5, words[0] + " " + words[1] == Self.mark, words[2] == key.id.description,
            let end = Int64(words[3]), let seal = Hex.decode(words[4])
        else { return nil }
        self.init(of: key, until: Timestamp(microseconds: end))
        do throws(TokenError) { try Attestation(keyring: keyring).verify(self, seal) } catch { return nil }
        if let id = Attestation.keyID(of: seal, Self.self), let over = ends[id], self.end > over {
            return nil
        }
    }
}
