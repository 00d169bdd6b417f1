internal import Crypto
internal import FoundationEssentials
package import GatehouseCore

/// A key that wraps the data keys of a sealed store: 32 random bytes.
///
/// Text form: `ghk1_`, 64 hex digits of the key, 8 hex digits of checksum (the first 4 bytes of SHA-256 over everything before). The
/// prefix lets secret scanners find a leaked one; the checksum distinguishes a mistyped key from a wrong one. Prints its id only.
package struct MasterKey: Sendable, CustomStringConvertible {
    /// The first 8 bytes of SHA-256 over the key: names the key in rows and messages without telling of it.
    package struct ID: Hashable, Sendable, CustomStringConvertible {
        static let length = 8
        let bytes: [UInt8]
        package var description: String { Hex.encode(bytes) }
    }

    package static let prefix = "ghk1_"
    static let length = 32
    static let checksumLength = 4
    static let encodedLength = 5 + 2 * (length + checksumLength)

    package let id: ID
    private let bytes: Secret
    // One key for each purpose (HKDF, RFC 5869), so that no use of one reveals another. They stand where secrets do; what the cipher works
    // with is made for each use, and zeroed with it.
    private let purposes: (wrapping: Secret, attesting: Secret, fingerprinting: Secret)

    var wrapping: SymmetricKey { Self.symmetric(purposes.wrapping) }
    var attesting: SymmetricKey { Self.symmetric(purposes.attesting) }
    var fingerprinting: SymmetricKey { Self.symmetric(purposes.fingerprinting) }

    init(bytes: Secret) {
        self.bytes = bytes
        id = ID(bytes: bytes.withUnsafeBytes { Array(SHA256.hash(data: $0).prefix(ID.length)) })
        func derive(_ purpose: String) -> Secret { Self.derive(bytes, purpose) }
        purposes = (derive("gatehouse wrap v1"), derive("gatehouse attest v1"), derive("gatehouse fingerprint v1"))
    }

    /// Draws a new key from the system's generator.
    package static func generate() -> MasterKey {
        let key = SymmetricKey(size: .bits256)
        return MasterKey(bytes: Secret(count: length) { target in key.withUnsafeBytes { target.copyMemory(from: $0) } })
    }

    /// Reads the text form.
    ///
    /// - Throws: ``TokenError`` `configuration` that says what is wrong with it and repeats nothing of it.
    package init(parsing text: Secret) throws(TokenError) {
        if let problem = text.withUnsafeBytes(Self.problem) {
            throw TokenError(.configuration, problem, hint: "gatehouse key generate makes one")
        }
        self.init(
            bytes: Secret(count: Self.length) { target in
                text.withUnsafeBytes { digits in
                    for index in 0..<Self.length {
                        let place = Self.prefix.utf8.count + 2 * index
                        target[index] = Hex.value(digits[place])! << 4 | Hex.value(digits[place + 1])!
                    }
                }
            }
        )
    }

    /// The text form: the one way to see the key.
    package var encoded: Secret {
        Secret(count: Self.encodedLength) { target in
            var place = 0
            func put(_ byte: UInt8) {
                target[place] = byte
                place += 1
            }
            for byte in Self.prefix.utf8 { put(byte) }
            bytes.withUnsafeBytes { key in
                for byte in key {
                    put(Hex.digit(byte >> 4))
                    put(Hex.digit(byte & 15))
                }
            }
            for byte in Self.checksum(UnsafeRawBufferPointer(rebasing: target[..<place])) {
                put(Hex.digit(byte >> 4))
                put(Hex.digit(byte & 15))
            }
        }
    }

    /// The key of another module's purpose (HKDF-SHA256 without salt, `info` is the purpose): 32 bytes that reveal nothing of this key.
    package func derived(for purpose: String) -> Secret { Self.derive(bytes, purpose) }

    private static func derive(_ bytes: Secret, _ purpose: String) -> Secret {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: symmetric(bytes),
            info: Array(purpose.utf8),
            outputByteCount: length
        )
        return Secret(count: length) { target in key.withUnsafeBytes { target.copyMemory(from: $0) } }
    }

    private static func symmetric(_ bytes: Secret) -> SymmetricKey { bytes.withUnsafeBytes { SymmetricKey(data: $0) } }

    package var description: String { "master key \(id)" }

    private static func checksum(_ body: UnsafeRawBufferPointer) -> [UInt8] {
        Array(SHA256.hash(data: body).prefix(checksumLength))
    }

    private static func problem(_ text: UnsafeRawBufferPointer) -> String? {
        guard text.starts(with: prefix.utf8) else { return "a master key starts with \(prefix)" }
        guard text.count == encodedLength else {
            return "a master key has \(encodedLength) characters, not \(text.count)"
        }
        guard text.dropFirst(prefix.utf8.count).allSatisfy({ Hex.value($0) != nil }) else {
            return "a master key has only 0-9 and a-f after \(prefix)"
        }
        let body = UnsafeRawBufferPointer(rebasing: text[..<(encodedLength - 2 * checksumLength)])
        let wanted = checksum(body).flatMap { [Hex.digit($0 >> 4), Hex.digit($0 & 15)] }
        return text.suffix(2 * checksumLength).elementsEqual(wanted)
            ? nil : "a master key is mistyped: its checksum does not fit"
    }
}
