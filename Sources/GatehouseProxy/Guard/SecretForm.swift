internal import GatehouseCore

/// One form in which a secret may come back: its symbols, one after the other.
struct SecretForm: Sendable {
    let alphabet: Alphabet
    /// The symbols tell the secret, so they are kept like it.
    let symbols: Secret

    var count: Int { symbols.count }

    /// The forms of one secret: its bytes, its hexadecimal digits, and base64 at each of the three places that it may have among other bytes.
    static func all(of secret: Secret) -> [SecretForm] {
        [SecretForm(text: secret), SecretForm(hexadecimal: secret)] + (0..<3).map { SecretForm(secret, behind: $0) }
    }

    private init(text secret: Secret) {
        alphabet = .text
        symbols = secret
    }

    private init(hexadecimal secret: Secret) {
        alphabet = .hexadecimal
        symbols = Secret(count: secret.count * 2) { digits in
            secret.withUnsafeBytes { bytes in
                for (index, byte) in bytes.enumerated() {
                    digits[2 * index] = byte >> 4
                    digits[2 * index + 1] = byte & 15
                }
            }
        }
    }

    /// The base64 of the secret behind other bytes: the symbols that it alone decides. The first and the last that it shares with its neighbours are
    /// left out; each tells at most four bits of it.
    ///
    /// - Parameter others: how many of the bytes before it are encoded together with it: 0, 1 or 2.
    private init(_ secret: Secret, behind others: Int) {
        alphabet = .base64
        let first = (others * 8 + 5) / 6
        let end = (others + secret.count) * 8 / 6
        symbols = Secret(count: end - first) { symbols in
            secret.withUnsafeBytes { bytes in
                for index in first..<end {
                    let bit = index * 6 - others * 8
                    let word =
                        UInt16(bytes[bit / 8]) << 8 | (bit / 8 + 1 < bytes.count ? UInt16(bytes[bit / 8 + 1]) : 0)
                    symbols[index - first] = UInt8(truncatingIfNeeded: word >> UInt16(10 - bit % 8)) & 63
                }
            }
        }
    }
}
