import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

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
        var patterns = ReflectionTarget.patterns("unused, unused")
        for number in 0..<(Self.wanted / Self.suites) {
            if number % 50 == 0 {
                secret = Self.secret(&random)
                patterns = ReflectionTarget.patterns(secret)
            }
            let answer = Self.answer(with: secret, &random)
            do throws(Finding) {
                if try ReflectionTarget.check(secret, answer, patterns) { reflected += 1 }
            } catch {
                Issue.record("seed \(suite), answer \(number): \(error)")
                return
            }
        }
        #expect(reflected > Self.wanted / Self.suites / 4)
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
