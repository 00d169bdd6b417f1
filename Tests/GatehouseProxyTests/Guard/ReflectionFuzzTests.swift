import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Random secrets in random encodings, among bytes that look like them, in random parts. Held against an oracle that knows nothing of the guard's
/// tables: it decodes the output in every way and looks for the secret.
///
/// `GATEHOUSE_TEST_FUZZ_CASES=1000000` says how many answers; more than some thousands are for a run of their own.
@Suite struct ReflectionFuzzTests {
    private static let wanted =
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_FUZZ_CASES"].flatMap { Int($0) } ?? 4000
    private static let suites = 4

    @Test(arguments: 0..<suites)
    func `no random answer holds the secret, and a clean one stays as it is`(suite: Int) {
        var random = SplitMix(seed: (UInt64(suite) + 1) &* 0x9E37_79B9_7F4A_7C15)
        var reflected = 0
        var secret = ""
        var patterns = GuardFixture.patterns("unused, unused")
        for number in 0..<(Self.wanted / Self.suites) {
            if number % 50 == 0 {
                secret = Self.secret(&random)
                patterns = GuardFixture.patterns(secret)
            }
            let answer = Self.answer(with: secret, &random)
            let output = GuardFixture.output(patterns, [answer])
            let wrong = Self.wrong(secret, answer, output, patterns, &random)
            guard wrong == nil else {
                Issue.record(
                    """
                    \(wrong ?? ""): seed \(suite), answer \(number), secret \(secret): \(String(decoding: answer, as: UTF8.self).debugDescription) -> \
                    \(String(decoding: output, as: UTF8.self).debugDescription)
                    """
                )
                return
            }
            if output != answer { reflected += 1 }
        }
        #expect(reflected > Self.wanted / Self.suites / 4)
    }

    /// What is wrong with an output; nil when nothing is.
    private static func wrong(
        _ secret: String,
        _ answer: [UInt8],
        _ output: [UInt8],
        _ patterns: SecretPatterns,
        _ random: inout SplitMix
    ) -> String? {
        // The text in its place and the rest of another one could make the secret together, of which the upstream then left out a byte.
        if AnswerOracle.finds(secret, in: GuardFixture.output(patterns, [answer], redacted: { _ in "\0" })) {
            return "the output holds the secret"
        }
        // Symbols of base64 at the ends that are shared with others may be cut or changed: then a byte of the secret is not there. Behind a `%` that
        // stands for itself, its first two are digits for a decoder.
        let holds = [secret.dropFirst(), secret.dropLast(), secret.dropFirst(2)].contains {
            AnswerOracle.finds($0, in: answer)
        }
        if output != answer, !holds { return "an answer without the secret was changed" }
        if output.count != answer.count { return "the length changed" }
        if GuardFixture.output(patterns, parts(of: answer, &random)) != output { return "other parts, another output" }
        return GuardFixture.reference(patterns, answer) == output ? nil : "the filter missed it"
    }

    // MARK: - Random

    private static func secret(_ random: inout SplitMix) -> String {
        let alphabets = [
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "0123456789abcdef", "ab", "aA0/+=-_",
            String(decoding: UInt8(0x21)..<0x7F, as: UTF8.self),
        ]
        let alphabet = Array(alphabets.randomElement(using: &random)!)
        let count =
            Bool.random(using: &random)
            ? Int.random(in: 8...16, using: &random) : Int.random(in: 17...120, using: &random)
        return String((0..<count).map { _ in alphabet.randomElement(using: &random)! })
    }

    private static func answer(with secret: String, _ random: inout SplitMix) -> [UInt8] {
        var answer: [UInt8] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            switch Int.random(in: 0..<6, using: &random) {
            case 0: answer += noise(Int.random(in: 0...200, using: &random), &random)
            case 1:
                let encoded = Array(encoding(of: secret, &random).utf8)
                answer += encoded.prefix(Int.random(in: 0...encoded.count, using: &random))
            case 2:
                answer +=
                    ["\\", "%", "&", "\n\n", "data: ", "\"", "\\u0g", "%2g", "\r\n", "\\\\"].randomElement(
                        using: &random
                    )!.utf8
            case 3: answer += encoding(of: String(secret.dropFirst()), &random).utf8
            case _: answer += encoding(of: secret, &random).utf8
            }
        }
        return answer
    }

    private static func noise(_ count: Int, _ random: inout SplitMix) -> [UInt8] {
        let text = Bool.random(using: &random)
        return (0..<count).map { _ in
            text ? UInt8.random(in: 0x20..<0x7F, using: &random) : UInt8.random(in: 0...255, using: &random)
        }
    }

    private static func parts(of answer: [UInt8], _ random: inout SplitMix) -> [[UInt8]] {
        let longest = [1, 3, 10, 100].randomElement(using: &random)!
        var parts: [[UInt8]] = []
        var start = 0
        while start < answer.count {
            let end = min(answer.count, start + Int.random(in: 0...longest, using: &random))
            parts.append(Array(answer[start..<end]))
            start = end
        }
        return parts
    }

    private static func encoding(of secret: String, _ random: inout SplitMix) -> String {
        let bytes = Array(secret.utf8)
        func each(_ choices: [(UInt8) -> String]) -> String {
            var random = random
            return bytes.map { choices.randomElement(using: &random)!($0) }.joined()
        }
        let plain: (UInt8) -> String = { byte in
            let text = String(UnicodeScalar(byte))
            return byte == 0x22 || byte == 0x5C ? "\\" + text : text
        }
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return secret
        case 1:
            // JSON, as any writer may choose to write it.
            return each([
                plain, plain, { String(format: #"\u%04x"#, $0) }, { String(format: #"\u%04X"#, $0) },
                { $0 == 0x2F ? #"\/"# : plain($0) },
            ])
        case 2:
            return each([
                { String(format: "%%%02X", $0) }, { String(format: "%%%02x", $0) },
                { $0 == 0x25 || $0 == 0x2B ? String(format: "%%%02X", $0) : String(UnicodeScalar($0)) },
            ])
        case 3: return each([{ String(format: "%02x", $0) }])
        case 4: return each([{ String(format: "%02X", $0) }])
        case 5:
            return each([
                { byte in
                    switch byte {
                    case 0x26: "&amp;"
                    case 0x3C: "&lt;"
                    case 0x3E: "&gt;"
                    case 0x22: "&quot;"
                    case 0x27: "&#39;"
                    case _: String(UnicodeScalar(byte))
                    }
                }
            ])
        case _:
            let before = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let behind = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            var text = Data(before + bytes + behind).base64EncodedString()
            if Bool.random(using: &random) { text = text.replacing("+", with: "-").replacing("/", with: "_") }
            if Bool.random(using: &random) { text = text.replacing("=", with: "") }
            guard Bool.random(using: &random) else { return text }
            let width = [4, 19, 64, 76].randomElement(using: &random)!
            let lineEnd = ["\r\n", "\n", #"\r\n"#, #"\n"#].randomElement(using: &random)!
            return stride(from: 0, to: text.count, by: width).map { String(text.dropFirst($0).prefix(width)) }
                .joined(separator: lineEnd)
        }
    }
}

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
