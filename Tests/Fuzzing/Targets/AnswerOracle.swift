import Foundation
import GatehouseCore

/// Decodes an answer in every way that the guard promises to see through, and looks for a secret in the results.
enum AnswerOracle {
    static func finds(_ secret: some StringProtocol, in answer: [UInt8]) -> Bool {
        let secret = Array(secret.utf8)
        let hex = secret.map { String(format: "%02x", $0) }.joined()
        let texts = [answer, unescaped(answer), percentDecoded(answer), entitiesDecoded(answer)]
        if texts.contains(where: { contains($0, secret) }) { return true }
        if contains(answer.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, Array(hex.utf8)) { return true }
        // Line ends of a wrapped text, as they are and in a string of JSON.
        return [answer, withoutLineEnds(answer), withoutEscapedLineEnds(answer)].contains { joined in
            decodedBase64(joined).contains { contains($0, secret) }
        }
    }

    private static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard bytes.count >= wanted.count else { return false }
        for start in 0...(bytes.count - wanted.count)
        where bytes[start] == wanted[0] && bytes[start..<(start + wanted.count)].elementsEqual(wanted) {
            return true
        }
        return false
    }

    private static func unescaped(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x5C, at + 1 < bytes.count {
                let next = bytes[at + 1]
                if next == 0x75, at + 5 < bytes.count,
                    let value = UInt16(String(decoding: bytes[(at + 2)...(at + 5)], as: UTF8.self), radix: 16),
                    value < 0x80
                {
                    result.append(UInt8(value))
                    at += 6
                    continue
                }
                if [0x22, 0x2F, 0x5C].contains(next) {
                    result.append(next)
                    at += 2
                    continue
                }
            }
            result.append(bytes[at])
            at += 1
        }
        return result
    }

    private static func percentDecoded(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x25, at + 2 < bytes.count,
                let high = bytes[at + 1].hexValue, let low = bytes[at + 2].hexValue
            {
                result.append(high << 4 | low)
                at += 3
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    private static func entitiesDecoded(_ bytes: [UInt8]) -> [UInt8] {
        var text = bytes
        for (entity, byte) in [("&lt;", 0x3C), ("&gt;", 0x3E), ("&quot;", 0x22), ("&#39;", 0x27), ("&amp;", 0x26)] {
            text = replacing(text, Array(entity.utf8), UInt8(byte))
        }
        return text
    }

    private static func replacing(_ bytes: [UInt8], _ wanted: [UInt8], _ byte: UInt8) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at...].starts(with: wanted) {
                result.append(byte)
                at += wanted.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    /// An empty line ends a text. A CR alone is no line end of MIME, and no encoder of today writes one.
    private static func withoutLineEnds(_ bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { $0.last == 0x0D ? $0.dropLast() : $0 }
        return Array(lines.map { $0.isEmpty ? [0] : Array($0) }.joined())
    }

    private static func withoutEscapedLineEnds(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if let end = [#"\r\n"#, #"\n"#].first(where: { bytes[at...].starts(with: $0.utf8) }) {
                at += end.utf8.count
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return result
    }

    /// Each run of symbols of base64, decoded from each of its first four symbols on.
    private static func decodedBase64(_ bytes: [UInt8]) -> [[UInt8]] {
        var runs: [[UInt8]] = []
        var run: [UInt8] = []
        for byte in bytes + [0] {
            if let value = base64Value(byte) {
                run.append(value)
            } else {
                if run.count > 8 { runs.append(run) }
                run = []
            }
        }
        return runs.flatMap { run in (0..<4).map { decoded(run[$0...]) } }
    }

    private static func base64Value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B, 0x2D: 62
        case 0x2F, 0x5F: 63
        case _: nil
        }
    }

    private static func decoded(_ values: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var word: UInt32 = 0
        var bits: UInt32 = 0
        for value in values {
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: word >> bits))
                word &= (1 << bits) - 1
            }
        }
        return result
    }
}
