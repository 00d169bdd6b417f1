/// base64url without padding (RFC 4648 section 5, RFC 7515 section 2), read strictly: no padding, no white space, no
/// other alphabet, and the unused bits of the last character zero, so that one value has one spelling.
package enum Base64URL {
    /// The bytes that `count` characters decode to; nil when no unpadded text has that length.
    package static func decodedCount(_ count: Int) -> Int? {
        count % 4 == 1 ? nil : count / 4 * 3 + max(0, count % 4 - 1)
    }

    /// Decodes into `target`, which must hold at least ``decodedCount(_:)`` bytes.
    ///
    /// - Returns: the part of `target` that was written; nil when the text is not strict base64url or does not fit.
    package static func decode(
        _ text: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let size = decodedCount(text.count), size <= target.count else { return nil }
        var written = 0
        var index = 0
        while text.count - index >= 4 {
            let one = table[Int(text[index])]
            let two = table[Int(text[index + 1])]
            let three = table[Int(text[index + 2])]
            let four = table[Int(text[index + 3])]
            guard (one | two | three | four) < 64 else { return nil }
            target[written] = one << 2 | two >> 4
            target[written + 1] = two << 4 | three >> 2
            target[written + 2] = three << 6 | four
            index += 4
            written += 3
        }
        if text.count - index >= 2 {
            let one = table[Int(text[index])]
            let two = table[Int(text[index + 1])]
            let three = text.count - index == 3 ? table[Int(text[index + 2])] : 0
            guard (one | two | three) < 64 else { return nil }
            target[written] = one << 2 | two >> 4
            written += 1
            if text.count - index == 3 {
                guard three & 0b11 == 0 else { return nil }
                target[written] = two << 4 | three >> 2
                written += 1
            } else {
                guard two & 0b1111 == 0 else { return nil }
            }
        }
        return UnsafeRawBufferPointer(rebasing: target[..<written])
    }

    /// The decoded bytes; nil when the text is not strict base64url.
    package static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let size = decodedCount(text.count) else { return nil }
        var isValid = false
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            isValid = decode(text, into: UnsafeMutableRawBufferPointer(buffer)) != nil
            count = isValid ? size : 0
        }
        return isValid ? bytes : nil
    }

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        encode(bytes, by: alphabet) { text.append($0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Both alphabets of base64, without padding.
    static func encode(_ bytes: some Collection<UInt8>, by alphabet: [UInt8], _ take: (UInt8) -> Void) {
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                take(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { take(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The value of each byte, 255 for one that is not in the alphabet.
    private static let table: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        return table
    }()
}
