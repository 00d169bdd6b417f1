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
        var (group, count) = (0, 0)
        /// Writes a group of three bytes, of which the last may be missing.
        func end() {
            for place in 0..<4 {
                take(
                    place <= count ? alphabet[(group << (8 * (3 - count))) >> (18 - 6 * place) & 63] : UInt8(ascii: "=")
                )
            }
            (group, count) = (0, 0)
        }
        for byte in bytes {
            group = group << 8 | Int(byte)
            count += 1
            if count == 3 { end() }
        }
        if count > 0 { end() }
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
