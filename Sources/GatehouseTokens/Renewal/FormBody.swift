internal import CurlClient
internal import GatehouseCore

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B), whose secrets leave no copy behind.
struct FormBody: ~Copyable {
    private var bytes = SecretBuilder()

    mutating func add(_ name: StaticString, _ text: String) {
        begin(name)
        Self.encode(text.utf8) { bytes.append($0) }
    }

    mutating func add(_ name: StaticString, _ secret: Secret) {
        begin(name)
        secret.withUnsafeBytes { secret in Self.encode(secret) { bytes.append($0) } }
    }

    var body: CurlBody { bytes.withUnsafeBytes { CurlBody($0) } }

    private mutating func begin(_ name: StaticString) {
        if bytes.count > 0 { bytes.append(UInt8(ascii: "&")) }
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "="))
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    static func encode(_ value: some Collection<UInt8>, _ take: (UInt8) -> Void) {
        for byte in value {
            if byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E {
                take(byte)
            } else {
                for byte in [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]] { take(byte) }
            }
        }
    }
}
