/// The Unicode text that an A-label's letters stand for (RFC 3492 section 6.2).
enum Punycode {
    /// Scalars of a label; a label of the DNS has 63 bytes.
    static let maximumScalars = 63

    /// - Parameter text: what follows `xn--`, in lower case.
    /// - Returns: nil when it is no Punycode.
    static func decode(_ text: Substring) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.count <= maximumScalars, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
        let delimiter = bytes.lastIndex(of: 0x2D)
        var output = bytes[..<(delimiter ?? 0)].map { UInt32($0) }
        var rest = bytes[(delimiter.map { $0 + 1 } ?? 0)...]
        guard !rest.isEmpty else { return nil }
        var (n, index, bias) = (128, 0, 72)
        while !rest.isEmpty {
            let start = index
            var (weight, position) = (1, 36)
            while true {
                guard let byte = rest.popFirst(), let digit = digit(byte) else { return nil }
                index += digit * weight
                let threshold = min(max(position - bias, 1), 26)
                if digit < threshold { break }
                weight *= 36 - threshold
                position += 36
                // Far above every code point there is, and far below an overflow.
                guard index < 1 << 32, weight < 1 << 32 else { return nil }
            }
            let count = output.count + 1
            bias = adapted(index - start, count, isFirst: start == 0)
            n += index / count
            index %= count
            guard let scalar = UInt32(exactly: n), Unicode.Scalar(scalar) != nil else { return nil }
            output.insert(scalar, at: index)
            index += 1
        }
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: output.compactMap(Unicode.Scalar.init))
        return String(scalars)
    }

    private static func digit(_ byte: UInt8) -> Int? {
        if byte.isASCIIDigit { return Int(byte) - 0x30 + 26 }
        return byte.isASCIILetter ? Int(byte.lowercasedASCII) - 0x61 : nil
    }

    private static func adapted(_ delta: Int, _ count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / count
        var position = 0
        while delta > 35 * 26 / 2 {
            delta /= 35
            position += 36
        }
        return position + 36 * delta / (delta + 38)
    }
}
