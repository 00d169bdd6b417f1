import Foundation
import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct ReflectionScanTests {
    static let secret = GuardFixture.secret
    static let bytes = Array(secret.utf8)
    static let patterns = GuardFixture.patterns(secret)

    static func hex(_ upper: Bool = false) -> String {
        bytes.map { String(format: upper ? "%02X" : "%02x", $0) }.joined()
    }

    static func base64(behind count: Int, before: Int = 0) -> String {
        Data(Array(repeating: 0x7A, count: count) + bytes + Array(repeating: 0x7A, count: before)).base64EncodedString()
    }

    /// Spellings of which nothing is left.
    static let whole: [String] = [
        secret,
        bytes.map { String(format: #"\u%04x"#, $0) }.joined(),
        bytes.map { String(format: #"\u%04X"#, $0) }.joined(),
        bytes.map { String(format: #"\\u%04x"#, $0) }.joined(),
        secret.replacing("\"", with: #"\""#),
        secret.replacing("\"", with: #"\""#).replacing("/", with: #"\/"#),
        secret.replacing("\"", with: #"\\\""#).replacing("/", with: #"\\/"#),
        secret.replacing("\"", with: #"\\\""#).replacing("/", with: #"\\\/"#),
        secret.replacing("&", with: #"\u0026"#).replacing("+", with: #"\u002B"#).replacing("\"", with: #"\u0022"#),
        bytes.map { String(format: "%%%02X", $0) }.joined(),
        bytes.map { String(format: "%%%02x", $0) }.joined(),
        secret.replacing("/", with: "%2F").replacing("\"", with: "%22").replacing("&", with: "%26").replacing(
            "=",
            with: "%3d"
        ),
        secret.replacing("&", with: "&amp;").replacing("\"", with: "&quot;"),
        secret.replacing("&", with: "&amp;").replacing("\"", with: "&#34;").replacing("=", with: "&#x3D;")
            .replacing("/", with: "&#x2f;"),
        hex(),
        hex(true),
        String(hex().enumerated().map { $0.offset % 3 == 0 ? Character($0.element.uppercased()) : $0.element }),
    ]

    @Test(arguments: whole)
    func `a spelling is replaced as a whole`(spelling: String) {
        for (before, behind) in [
            ("", ""), ("{\"key\":\"", "\"}"), ("x", "x"), ("Bearer ", "\r\n"), ("\\t", "\\n"), ("%", "%"),
        ] {
            #expect(
                GuardFixture.output(Self.patterns, before + spelling + behind)
                    == before + GuardFixture.redacted(spelling.utf8.count) + behind,
                "\(before)…\(behind)"
            )
        }
    }

    @Test(arguments: whole + (0..<3).map { base64(behind: $0) })
    func `a spelling is found in whatever parts it comes`(spelling: String) {
        let text = Array(("data: {\"a\":\"" + spelling + "\"}\n\n").utf8)
        let expected = GuardFixture.output(Self.patterns, [text])
        #expect(String(decoding: expected, as: UTF8.self).contains("[redacted]"))
        #expect(GuardFixture.output(Self.patterns, text.map { [$0] }) == expected)
        for cut in text.indices {
            #expect(GuardFixture.output(Self.patterns, [Array(text[..<cut]), Array(text[cut...])]) == expected)
        }
    }

    /// The decoded text behind the symbols that are left.
    private func decodes(_ output: String) -> Bool {
        guard let decoded = Data(base64Encoded: GuardFixture.withoutRedactions(output)) else { return false }
        return decoded.range(of: Data(Self.bytes)) != nil
    }

    @Test(arguments: 0..<6, 0..<6)
    func `base64 is found behind and before any number of bytes`(behind: Int, before: Int) {
        let text = Self.base64(behind: behind, before: before)
        for spelling in [
            text, text.replacing("=", with: ""), text.replacing("+", with: "-").replacing("/", with: "_"),
            text.replacing("+", with: #"\u002B"#).replacing("/", with: #"\/"#), text.replacing("+", with: "%2B"),
        ] {
            let output = GuardFixture.output(Self.patterns, "\"" + spelling + "\"")
            #expect(output.contains("[redacted]"))
            // Not more than the symbols at either end that the secret shares with its neighbours.
            let shared = (behind + 2) / 3 * 4 + (before + 2) / 3 * 4 + 2
            #expect(output.utf8.count == spelling.utf8.count + 2)
            #expect(GuardFixture.withoutRedactions(output).count <= shared + 4, "\(output)")
        }
    }

    @Test(arguments: ["\r\n", "\n", #"\r\n"#, #"\n"#, "\ndata: ", "\r\ndata: "], 1..<40)
    func `wrapped base64 is found`(lineEnd: String, width: Int) {
        for text in (0..<3).map({ Self.base64(behind: $0) }) {
            let lines = stride(from: 0, to: text.count, by: width).map { start in
                String(text.dropFirst(start).prefix(width))
            }
            let output = GuardFixture.output(Self.patterns, "x: " + lines.joined(separator: lineEnd) + "\n\n")
            #expect(output.contains("[redacted]"))
            // Beside it the symbols at its ends that are shared with others, and the line ends between them.
            let rest = GuardFixture.withoutRedactions(output)
            #expect(rest.count < 10 + 5 * (lineEnd.utf8.count + 1), "\(output)")
        }
    }

    @Test func `an empty line is in no secret, so the end of an event is never held`() {
        for spelling in Self.whole + [Self.base64(behind: 0), Self.hex()] {
            for count in 1..<spelling.utf8.count - 4 {
                var scan = ReflectionScan(Self.patterns)
                var output: [UInt8] = []
                let event = Array("data: \(spelling.prefix(count))\n\n".utf8)
                event.withUnsafeBytes { bytes in scan.pass(bytes) { GuardFixture.put($0, of: event, into: &output) } }
                #expect(output == event)
            }
        }
    }

    @Test func `only bytes that may begin a secret are held`() {
        var scan = ReflectionScan(Self.patterns)
        var output: [UInt8] = []
        func pass(_ text: String) {
            let part = Array(text.utf8)
            part.withUnsafeBytes { bytes in scan.pass(bytes) { GuardFixture.put($0, of: part, into: &output) } }
        }
        pass("some text ghp_7F")
        #expect(String(decoding: output, as: UTF8.self) == "some text ")
        pass("_")
        #expect(String(decoding: output, as: UTF8.self) == "some text ghp_7F_")
        pass("ghp_7Fz\\u002")
        pass("fQw+9")
        #expect(String(decoding: output, as: UTF8.self) == "some text ghp_7F_")
        pass("?")
        #expect(String(decoding: output, as: UTF8.self) == "some text ghp_7F_ghp_7Fz\\u002fQw+9?")
    }

    @Test func `what is held is let go at the end`() {
        #expect(GuardFixture.output(Self.patterns, "text ghp_7Fz/Qw") == "text ghp_7Fz/Qw")
        #expect(GuardFixture.output(Self.patterns, "ghp_ghp_ghp_7Fz/Qw") == "ghp_ghp_ghp_7Fz/Qw")
    }

    @Test func `the longest of two secrets that begin alike is replaced`() {
        let patterns = GuardFixture.patterns("abcdefgh", "abcdefghijkl")
        #expect(
            GuardFixture.output(patterns, "-abcdefghijkl-abcdefgh-abcdefghijk")
                == "-[redacted]**-[redacte-[redacteijk"
        )
        #expect(GuardFixture.output(patterns, Array("-abcdefgh".utf8).map { [$0] }) == Array("-[redacte".utf8))
        #expect(
            GuardFixture.output(patterns, Array("-abcdefghijabcdefghijkl".utf8).map { [$0] })
                == Array("-[redacteij[redacted]**".utf8)
        )
    }

    @Test func `secrets that repeat themselves are found where they begin`() {
        let patterns = GuardFixture.patterns("abababab")
        #expect(GuardFixture.output(patterns, "aababababab") == "a[redacteab")
        #expect(
            GuardFixture.output(patterns, Array("abaabababababababb".utf8).map { [$0] })
                == Array("aba[redacteabababb".utf8)
        )
    }

    @Test func `a secret under eight bytes is not looked for`() {
        #expect(SecretPatterns([Secret("1234567")]) == nil)
        #expect(SecretPatterns([]) == nil)
        let patterns = GuardFixture.patterns("1234567", "12345678")
        #expect(GuardFixture.output(patterns, "1234567 12345678") == "1234567 [redacte")
    }

    @Test func `a long secret is replaced as a whole`() {
        var secret = ""
        for index in 0..<1500 {
            let offset = (index * 7 + index / 90) % 94
            secret.unicodeScalars.append(UnicodeScalar(UInt8(0x21 + offset)))
        }
        let patterns = GuardFixture.patterns(secret)
        for text in [secret, Data(secret.utf8).base64EncodedString(options: .lineLength76Characters)] {
            let bytes = Array("<\(text)>".utf8)
            let output = GuardFixture.output(patterns, [bytes])
            #expect(GuardFixture.withoutRedactions(String(decoding: output, as: UTF8.self)).count <= 6)
            #expect(GuardFixture.output(patterns, bytes.map { [$0] }) == output)
        }
    }

    @Test(arguments: whole + (0..<3).map { base64(behind: $0) })
    func `every window of a spelling is one that the filter knows`(spelling: String) {
        let bytes = Array(spelling.utf8)
        // The filter knows as many symbols of each form as the secret has bytes. The first symbol of base64 may be shared with what comes before.
        let isShared = spelling == Self.base64(behind: 1) || spelling == Self.base64(behind: 2)
        for start in (isShared ? 4 : 0)...(Self.bytes.count - 4) {
            let isKnown = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.map { Self.patterns.filter.mayHold($0, start) } ?? false
            }
            #expect(isKnown, "\(start)")
        }
    }
}
