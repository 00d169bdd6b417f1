internal import Crypto
package import GatehouseCore

/// A break-glass credential as its bearer holds it: `gh_`, 64 hex digits of 32 random bytes, 8 hex digits of checksum (the first 4 bytes of
/// SHA-256 over everything before).
///
/// The prefix lets secret scanners find a leaked one; the checksum distinguishes a mistyped one from a revoked one. Nothing of it is stored but its
/// ``BearerDigest``: with 256 random bits there is nothing to guess, so the digest needs neither salt nor slowness.
package struct BearerText: Sendable {
    package static let prefix = "gh_"
    private static let randomLength = 32
    private static let checksumLength = 4
    /// Bytes of the text.
    package static let length = 3 + 2 * (randomLength + checksumLength)

    /// The one way to see it, for the moment when it is issued.
    package let secret: Secret

    /// Draws one from the system's generator.
    package static func generate() -> BearerText {
        let random = SymmetricKey(size: .bits256)
        return BearerText(
            secret: Secret(count: length) { target in
                var place = 0
                func put(_ byte: UInt8) {
                    target[place] = byte
                    place += 1
                }
                for byte in prefix.utf8 { put(byte) }
                random.withUnsafeBytes { bytes in
                    for byte in bytes {
                        put(Hex.digit(byte >> 4))
                        put(Hex.digit(byte & 15))
                    }
                }
                for digit in checksum(UnsafeRawBufferPointer(rebasing: target[..<place])) { put(digit) }
            }
        )
    }

    package var digest: BearerDigest { secret.withUnsafeBytes { BearerDigest(of: $0) } }

    /// Whether a text is one at all: prefix, length, digits and checksum.
    package static func isWellFormed(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count == length, text.starts(with: prefix.utf8) else { return false }
        guard text.dropFirst(prefix.utf8.count).allSatisfy({ Hex.value($0) != nil }) else { return false }
        let body = UnsafeRawBufferPointer(rebasing: text[..<(length - 2 * checksumLength)])
        return text.suffix(2 * checksumLength).elementsEqual(checksum(body))
    }

    private static func checksum(_ body: UnsafeRawBufferPointer) -> [UInt8] {
        SHA256.hash(data: body).prefix(checksumLength).flatMap { [Hex.digit($0 >> 4), Hex.digit($0 & 15)] }
    }
}

/// The stored digest of a credential: SHA-256 over `gatehouse bearer v1`, a zero byte and its text.
package struct BearerDigest: Hashable, Sendable {
    static let length = 32
    let bytes: [UInt8]

    init?(stored bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    package init(of text: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(data: Array("gatehouse bearer v1\0".utf8))
        hash.update(bufferPointer: text)
        bytes = Array(hash.finalize())
    }

    /// Names the credential without telling of it: the first 8 bytes.
    package var id: String { Hex.encode(bytes.prefix(8)) }

    /// Takes the same time wherever the bytes differ.
    func isSame(as other: BearerDigest) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<Self.length { difference |= bytes[index] ^ other.bytes[index] }
        return difference == 0
    }
}
