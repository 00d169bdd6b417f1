/// base64 with padding (RFC 4648 section 4), read strictly: one value has one spelling.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        encode(bytes) { text.append($0) }
        return text
    }

    /// - Parameter take: given the text byte by byte, so that of a secret no copy is made.
    package static func encode(_ bytes: some Collection<UInt8>, _ take: (UInt8) -> Void) {
        Base64URL.encode(bytes, by: alphabet, take)
        for _ in 0..<(3 - bytes.count % 3) % 3 { take(UInt8(ascii: "=")) }
    }

    /// - Returns: nil for anything but canonical base64.
    package static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == 0x3D { count -= 1 }
        // The one strict decoder there is reads the other alphabet.
        var unpadded: [UInt8] = []
        unpadded.reserveCapacity(count)
        for byte in text[..<count] {
            switch byte {
            case 0x2B: unpadded.append(0x2D)
            case 0x2F: unpadded.append(0x5F)
            case 0x2D, 0x5F: return nil
            case _: unpadded.append(byte)
            }
        }
        return unpadded.withUnsafeBytes { Base64URL.decode($0) }
    }
}
