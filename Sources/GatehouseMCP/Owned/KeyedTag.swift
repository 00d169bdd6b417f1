internal import Crypto
internal import GatehouseCore

/// The tag behind an id that binds it to its owner: a dot and the first 16 bytes of an HMAC-SHA256 in base64url. No character of it needs an escape
/// in a header field, a query, a JSON string or a line of an event stream.
struct KeyedTag {
    /// Bytes of a tag with its dot.
    static let length = 23

    private var code: HMAC<SHA256>

    init(_ key: SymmetricKey) { code = HMAC(key: key) }

    /// The owner; each text with its length, so that no part of one can be moved into the next.
    mutating func add(_ route: RouteName, _ principal: Principal) {
        add(route.text)
        add(principal.kind.rawValue)
        add(principal.identity)
    }

    private mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Bytes with their length before them, four bytes, little endian.
    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        add(UInt32(truncatingIfNeeded: bytes.count))
        code.update(data: bytes)
    }

    mutating func add(_ number: UInt32) {
        withUnsafeBytes(of: number.littleEndian) { add(plain: $0) }
    }

    /// Bytes of a length that never varies.
    mutating func add(plain bytes: UnsafeRawBufferPointer) { code.update(data: bytes) }

    /// The tag of an id, which is the last that is added.
    mutating func tag(of id: UnsafeRawBufferPointer) -> [UInt8] {
        code.update(data: id)
        return [0x2E] + code.finalize().withUnsafeBytes { Array(Base64URL.encode($0.prefix(16)).utf8) }
    }

    /// Whether two tags are the same, in a time that does not depend on where they differ.
    static func equal(_ expected: [UInt8], _ presented: UnsafeRawBufferPointer) -> Bool {
        guard presented.count == expected.count else { return false }
        var difference: UInt8 = 0
        for index in expected.indices { difference |= expected[index] ^ presented[index] }
        return difference == 0
    }

    /// Whether bytes end in what has the form of a tag, be it a good one or not.
    static func ends(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let start = bytes.count - length
        guard start >= 0, bytes[start] == 0x2E else { return false }
        return bytes[(start + 1)...].allSatisfy {
            $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x5F
        }
    }
}
