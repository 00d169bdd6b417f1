/// base64 with padding (RFC 4648 section 4), read strictly: one value has one spelling.
package enum Base64 {
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let text = Base64URL.encode(bytes)
        let plain = text.utf8.map { byte -> UInt8 in byte == 0x2D ? 0x2B : byte == 0x5F ? 0x2F : byte }
        return plain + [UInt8](repeating: 0x3D, count: (4 - plain.count % 4) % 4)
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
