internal import Crypto
internal import FoundationEssentials
internal import GatehouseCore

/// The text that commands show instead of a value: the first 8 bytes of an HMAC-SHA256, in hex. Equal values of one store have equal fingerprints.
///
/// The key is what keeps it from confirming a guess: a plain hash of a short token is found by trying. A sealed store derives it from its
/// first master key, so fingerprints last until `key rotate`. The `env` store has no key to derive it from and draws one for each process,
/// so its fingerprints distinguish values within one listing and mean nothing in the next.
package struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    /// 16 lower-case hexadecimal digits.
    package let text: String

    package var description: String { text }

    init(of value: Secret, key: SymmetricKey) {
        let code = value.withUnsafeBytes { HMAC<SHA256>.authenticationCode(for: $0, using: key) }
        text = Hex.encode(code.prefix(8))
    }
}
