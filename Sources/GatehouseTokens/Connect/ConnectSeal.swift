internal import Crypto
internal import FoundationEssentials
package import GatehouseCore

/// Makes texts that only Gatehouse can make and read, for what goes to a browser or a vendor and comes back: AES-256-GCM under the instance's key for
/// this purpose, which replicas share. The use of a text is authenticated with it, so that none is taken for another.
///
///     base64url of: nonce (12 bytes), ciphertext, tag (16 bytes)
///
/// The plain text is ``Framing``'s: the end in microseconds, then each text. Nonces are random: a key stays far below the 2^32 messages of NIST SP
/// 800-38D section 8.3.
package struct ConnectSeal: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case state
        case form
        case notice

        fileprivate var context: [UInt8] { Array("gatehouse connect v1 \(rawValue)".utf8) }
    }

    package struct Opened: Sendable, Equatable {
        package let texts: [String]
        package let endsAt: Timestamp
    }

    /// Bytes of a sealed text; a longer one is none.
    static let maximumLength = 4096

    private let keys: [SymmetricKey]

    package init(_ keys: PurposeKeys) {
        self.keys = keys.all.map { key in key.withUnsafeBytes { SymmetricKey(data: $0) } }
    }

    package func seal(_ texts: [String], as kind: Kind, until end: Timestamp) -> String {
        var fields = Framing()
        fields.append(end.microseconds)
        for text in texts { fields.append(text) }
        guard let box = try? AES.GCM.seal(fields.bytes, using: keys[0], authenticating: kind.context),
            let bytes = box.combined
        else { preconditionFailure("AES-GCM seals whatever fits into memory") }
        return Base64URL.encode(Array(bytes))
    }

    /// - Returns: nil for a text that neither this instance nor a replica has made for this use.
    package func open(_ text: String, as kind: Kind) -> Opened? {
        guard text.utf8.count <= Self.maximumLength,
            let bytes = Array(text.utf8).withUnsafeBytes({ Base64URL.decode($0) }),
            let box = try? AES.GCM.SealedBox(combined: bytes)
        else { return nil }
        for key in keys {
            guard let plain = try? AES.GCM.open(box, using: key, authenticating: kind.context) else { continue }
            return plain.withUnsafeBytes { bytes in
                var fields = FramedFields(bytes)
                guard let end = fields.number() else { return nil }
                var texts: [String] = []
                while let text = fields.text() { texts.append(text) }
                return fields.isAtEnd ? Opened(texts: texts, endsAt: Timestamp(microseconds: end)) : nil
            }
        }
        return nil
    }
}
