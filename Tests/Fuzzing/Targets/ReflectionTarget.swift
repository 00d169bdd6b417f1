import Foundation
import GatehouseCore
@testable import GatehouseProxy
import GatehouseTestSupport

/// Answers that hold a secret in some spelling, or nearly. An oracle that knows nothing of the guard's tables decodes the output in every way and
/// looks for the secret; without it an answer stays as it is; the parts it comes in change nothing; and the filter finds what a search at each place
/// finds.
enum ReflectionTarget {
    private static let secrets = [
        "ghp_7Fz/Qw+9\"x&Lm=2Kd0TtYyUu", "abababababab", "0123456789abcdef0123", "aA0/+=-_aA0/+=-_aA",
        "<&'\"\\%2F>:{}~",
        "eyJhbGciOiJub25lIn0.e30.",
    ]
    private static let all = secrets.map { patterns($0) }

    /// The first byte says which secret. A byte of F8 or above is a spelling of it, whole or of a part, as the next bytes say.
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var choices = Choices(input)
        let number = choices.number(secrets.count)
        var answer: [UInt8] = []
        while !choices.isAtEnd, answer.count < 4096 {
            let byte = choices.byte()
            guard byte >= 0xF8 else {
                answer.append(byte)
                continue
            }
            var secret = Array(secrets[number].utf8)
            if byte == 0xF9 { secret.removeFirst() }
            if byte == 0xFA { secret.removeLast() }
            if byte == 0xFB { secret = Array(secret.prefix(choices.number(secret.count))) }
            answer += spelled(secret, &choices)
        }
        return try check(secrets[number], answer, all[number])
    }

    /// - Returns: whether the answer was changed.
    static func check(_ secret: String, _ answer: [UInt8], _ patterns: SecretPatterns) throws(Finding) -> Bool {
        let output = output(patterns, [answer])
        let words = "secret \(secret): \(text(answer).debugDescription) -> \(text(output).debugDescription)"
        // The text in its place and the rest of another one could make the secret together, of which the upstream then left out a byte.
        let cut = self.output(patterns, [answer], redacted: { _ in "\0" })
        try hold(!AnswerOracle.finds(secret, in: cut), "the output holds the secret: \(words)")
        // Symbols of base64 at the ends that are shared with others may be cut or changed: then a byte of the secret is not there. Behind a `%` that
        // stands for itself, its first two are digits for a decoder.
        if output != answer {
            let holds = [secret.dropFirst(), secret.dropLast(), secret.dropFirst(2)].contains {
                AnswerOracle.finds($0, in: answer)
            }
            try hold(holds, "an answer without the secret was changed: \(words)")
        }
        try hold(output.count == answer.count, "the length changed: \(words)")
        var random = SplitMix(of: answer)
        try hold(self.output(patterns, random.parts(of: answer)) == output, "other parts, another output: \(words)")
        try hold(reference(patterns, answer) == output, "the filter missed it: \(words)")
        return output != answer
    }

    static func patterns(_ secret: String) -> SecretPatterns {
        guard let patterns = SecretPatterns([Secret(secret)]) else { fatalError("these secrets are looked for") }
        return patterns
    }

    private static func output(
        _ patterns: SecretPatterns,
        _ parts: [[UInt8]],
        redacted: (Int) -> String = redacted
    ) -> [UInt8] {
        var scan = ReflectionScan(patterns)
        var output: [UInt8] = []
        func put(_ piece: ReflectionScan.Piece, of part: [UInt8]) {
            switch piece {
            case .passed(let range): output += part[range]
            case .held(let bytes): output += bytes
            case .secret(let count): output += redacted(count).utf8
            }
        }
        for part in parts { part.withUnsafeBytes { bytes in scan.pass(bytes) { put($0, of: part) } } }
        scan.finish { put($0, of: []) }
        return output
    }

    private static func redacted(_ count: Int) -> String {
        String(("[redacted]" + String(repeating: "*", count: count)).prefix(count))
    }

    /// The same without the guard's filter and its state: it reads at each place of the whole answer.
    private static func reference(_ patterns: SecretPatterns, _ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var start = 0
        while start < bytes.count {
            var found = 0
            var reading = Reading(patterns)
            if reading.begin(with: bytes[start]) {
                while reading.isOpen, start + reading.count < bytes.count { reading.take(bytes[start + reading.count]) }
                found = reading.found
            }
            if found > 0 { output += redacted(found).utf8 } else { output.append(bytes[start]) }
            start += max(found, 1)
        }
        return output
    }

    // MARK: - Spellings

    private static func spelled(_ secret: [UInt8], _ choices: inout Choices) -> [UInt8] {
        let form = choices.number(6)
        var mixed = choices.byte()
        /// One of the ways to write a byte, another one for the next.
        func next(_ ways: [String]) -> String {
            defer { mixed = mixed &* 5 &+ 3 }
            return ways[Int(mixed >> 4) % ways.count]
        }
        switch form {
        case 0: return secret
        case 1:
            return Array(
                secret.map { byte in
                    let plain = byte == 0x22 || byte == 0x5C ? "\\" + text([byte]) : text([byte])
                    return next([
                        plain, String(format: "\\u%04x", byte), byte == 0x2F ? "\\/" : plain,
                        String(format: "\\u%04X", byte),
                    ])
                }.joined().utf8
            )
        case 2:
            return Array(
                secret.map { byte in
                    let encoded = String(format: "%%%02x", byte)
                    return next([
                        encoded, byte == 0x25 || byte == 0x2B ? encoded : text([byte]), String(format: "%%%02X", byte),
                    ])
                }.joined().utf8
            )
        case 3:
            return Array(secret.map { next([String(format: "%02x", $0), String(format: "%02X", $0)]) }.joined().utf8)
        case 4:
            let entities: [UInt8: String] = [0x26: "&amp;", 0x3C: "&lt;", 0x3E: "&gt;", 0x22: "&quot;", 0x27: "&#39;"]
            return Array(secret.map { entities[$0] ?? text([$0]) }.joined().utf8)
        case _:
            let (before, behind) = (choices.bytes(upTo: 3), choices.bytes(upTo: 3))
            var encoded = Data(before + secret + behind).base64EncodedString()
            if choices.chance() { encoded = encoded.replacing("+", with: "-").replacing("/", with: "_") }
            if choices.chance() { encoded = encoded.replacing("=", with: "") }
            let width = choices.one([200, 4, 19, 76])
            let lineEnd = choices.one(["\r\n", "\n", #"\r\n"#, #"\n"#])
            let lines = stride(from: 0, to: encoded.count, by: width).map { encoded.dropFirst($0).prefix(width) }
            return Array(lines.joined(separator: lineEnd).utf8)
        }
    }
}
