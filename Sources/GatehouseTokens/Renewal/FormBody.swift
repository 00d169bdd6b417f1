internal import CurlClient
internal import GatehouseCore
internal import Glibc

/// `application/x-www-form-urlencoded` (RFC 6749 appendix B), whose secrets leave no copy behind.
struct FormBody: ~Copyable {
    private var bytes: [UInt8] = []

    /// - Parameter capacity: what all fields may take; each byte may become three.
    init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

    deinit {
        bytes.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { explicit_bzero(UnsafeMutableRawPointer(mutating: base), bytes.count) }
        }
    }

    mutating func add(_ name: StaticString, _ text: String) {
        begin(name)
        for byte in text.utf8 { Self.append(byte, to: &bytes) }
    }

    mutating func add(_ name: StaticString, _ secret: Secret) {
        begin(name)
        secret.withUnsafeBytes { secret in for byte in secret { Self.append(byte, to: &bytes) } }
    }

    consuming func body() -> CurlBody { CurlBody(bytes) }

    private mutating func begin(_ name: StaticString) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: "&")) }
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "="))
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        if byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x2E || byte == 0x5F || byte == 0x7E {
            bytes.append(byte)
        } else {
            bytes.append(contentsOf: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]])
        }
    }
}
