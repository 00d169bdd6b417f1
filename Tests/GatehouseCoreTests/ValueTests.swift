import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite struct CalendarTests {
    /// Visits the calendar day by day.
    private static func eachDay(
        from first: Int,
        through last: Int,
        _ body: (_ year: Int, _ month: Int, _ day: Int, _ days: Int) -> Void
    ) {
        var days = 0
        for year in stride(from: 1970, to: first, by: -1) { days -= isLeap(year - 1) ? 366 : 365 }
        for year in first...last {
            for month in 1...12 {
                let length = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
                for day in 1...length {
                    body(year, month, day, days)
                    days += 1
                }
            }
        }
    }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    @Test func `every day of five centuries round trips`() {
        Self.eachDay(from: 1890, through: 2410) { year, month, day, days in
            let seconds = Int64(days) * 86_400 + Int64(days &* 7919 % 86_400 + 86_400) % 86_400
            let second = Int(seconds - Int64(days) * 86_400)
            let time = Timestamp(microseconds: seconds * 1_000_000 + 123_456)
            let text =
                "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))T"
                + "\(Self.padded(second / 3600)):\(Self.padded(second / 60 % 60)):\(Self.padded(second % 60)).123456Z"
            if time.rfc3339 != text || Timestamp(parsing: text) != time { Issue.record("\(text) is \(time.rfc3339)") }
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1969-12-31T23:59:59.999999Z", -1), ("2026-11-23", 1_795_392_000_000_000),
        ("2026-11-23T10:00:00+01:00", 1_795_424_400_000_000), ("2026-11-23t09:00:00z", 1_795_424_400_000_000),
        ("2000-02-29T00:00:00.5Z", 951_782_400_500_000), ("2026-11-23T09:00:00.1234567Z", 1_795_424_400_123_456),
    ])
    func `a timestamp reads what RFC 3339 allows`(text: String, microseconds: Int) {
        #expect(Timestamp(parsing: text) == Timestamp(microseconds: Int64(microseconds)))
    }

    @Test(arguments: [
        "", "2026", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-11-23T",
        "2026-11-23T24:00:00Z",
        "2026-11-23T09:60:00Z", "2026-11-23T09:00:61Z", "2026-11-23T09:00:00", "2026-11-23T09:00:00.Z",
        "2026-11-23T09:00:00Zx", "2026-11-23T09:00:00+1:00", "2026-11-23T09:00:00+24:00", "26-11-23",
        "2026-11-23 09:00:00Z",
        "+026-11-23", "２０２６-11-23",
    ])
    func `any other timestamp is refused`(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test func `seconds round down before the epoch, too`() {
        #expect(Timestamp(microseconds: -1).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
        #expect(Timestamp(microseconds: -1_000_001).seconds == -2)
        #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
        #expect(Timestamp(seconds: 5) + .milliseconds(1500) == Timestamp(microseconds: 6_500_000))
        #expect(Timestamp(seconds: 5) - Timestamp(seconds: 7) == .seconds(-2))
    }

    @Test func `durations beyond the range are clamped`() {
        #expect(Duration.seconds(Int64.max).microseconds == .max)
        #expect(Duration.seconds(Int64.min).microseconds == .min)
        #expect(Duration.milliseconds(-1).microseconds == -1000)
    }
}

@Suite struct RequestIDTests {
    struct Dice: RandomNumberGenerator {
        var state: UInt64 = 42
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 32) | (state << 32)
        }
    }

    /// Yields these words, then harmless ones.
    struct Script: RandomNumberGenerator {
        var words: [UInt64]
        mutating func next() -> UInt64 { words.isEmpty ? 0x1111_1111_1111_1111 : words.removeFirst() }
    }

    @Test func `no id holds a run of digits that clients search for`() {
        var dice = Dice()
        for _ in 0..<20_000 {
            let time = Timestamp(microseconds: Int64(bitPattern: dice.next()))
            let text = RequestID(at: time, using: &dice).description
            #expect(text.utf8.count == 32)
            #expect(text == text.lowercased())
            if text.contains("404") || text.contains("405") { Issue.record("\(text)") }
        }
    }

    /// Wherever the run stands, the random part is drawn again. The part of the time has no digit of it.
    @Test(arguments: ["404", "405"])
    func `a run of digits is seen at every place`(run: String) throws {
        for place in 0...13 {
            let text = String(repeating: "1", count: place) + run + String(repeating: "1", count: 13 - place)
            let bad = try #require(UInt64(text, radix: 16))
            var script = Script(words: [bad])
            #expect(RequestID(at: Timestamp(seconds: 1), using: &script).low == 0x1111_1111_1111_1111, "\(text)")
        }
    }

    @Test(arguments: ["403", "406", "504", "040", "4004"])
    func `ids beside such a run pass`(run: String) throws {
        let word = try #require(UInt64(run + String(repeating: "1", count: 16 - run.count), radix: 16))
        var script = Script(words: [word])
        #expect(RequestID(at: Timestamp(seconds: 1), using: &script).low == word)
    }

    @Test func `ids lie in the order of their times, with digits of three bits`() {
        var dice = Dice()
        var before = ""
        for step in 0..<2000 {
            let time = Timestamp(microseconds: 1_764_400_000_000_000 + Int64(step * step * step) * 64)
            let text = RequestID(at: time, using: &dice).description
            #expect(text.prefix(16) > before)
            #expect(text.prefix(16).allSatisfy { "89abcdef".contains($0) })
            // The time can be read back, within 64 microseconds.
            let units = text.prefix(16).reduce(Int64(0)) { $0 << 3 | Int64($1.hexDigitValue ?? 0) & 7 }
            #expect(units == time.microseconds >> 6)
            before = String(text.prefix(16))
        }
    }

    @Test func `an id reads what it writes`() {
        var dice = Dice()
        for _ in 0..<1000 {
            let id = RequestID(high: dice.next(), low: dice.next())
            #expect(RequestID(parsing: id.description) == id)
        }
        for text in ["", "1", String(repeating: "g", count: 32), String(repeating: "1", count: 33)] {
            #expect(RequestID(parsing: text) == nil)
        }
    }
}

@Suite struct JSONTextTests {
    /// Every scalar up to U+00FF and some beyond, read back by another implementation.
    @Test func `strings are escaped as JSON requires`() throws {
        var text = ""
        for value in 0...0xFF { text.unicodeScalars.append(Unicode.Scalar(UInt8(value))) }
        text += "\u{2028}\u{FFFF}\u{1F600}é"
        var json = JSONText()
        json.object { $0.string("a\"\\\n", text) }
        let read = try #require(JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: String])
        #expect(read == ["a\"\\\n": text])
        #expect(json.bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
    }

    /// One character after the other, whatever the string is made of.
    @Test(arguments: [1, 2] as [UInt64])
    func `texts of every kind are written as their characters are`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let plain = Array("abcXYZ 09/{}[]:,.~").flatMap(\.unicodeScalars)
        let special: [Unicode.Scalar] = [
            "\0", "\u{1}", "\u{8}", "\t", "\n", "\u{B}", "\u{C}", "\r", "\u{1F}", " ", "!", "\"", "#", "[", "\\", "]",
            "~",
            "\u{7F}", "\u{80}", "\u{85}", "\u{9F}", "\u{A0}", "\u{AD}", "é", "\u{301}", "\u{FE}", "\u{7FF}", "\u{800}",
            "\u{200D}",
            "\u{2028}", "\u{2029}", "\u{202E}", "\u{2066}", "\u{D7FF}", "\u{E000}", "\u{FEFF}", "\u{FFFD}", "\u{FFFF}",
            "\u{10000}",
            "\u{1F600}", "\u{E0001}", "\u{E0041}", "\u{10FFFF}", "\u{212A}",
        ]
        for round in 0..<2000 {
            // Up to 15 bytes stand in the string itself.
            let length =
                round % 2 == 0 ? Int.random(in: 0...15, using: &random) : Int.random(in: 16...80, using: &random)
            var text = String.UnicodeScalarView()
            for _ in 0..<length {
                let set = Int.random(in: 0..<(round % 5 + 2), using: &random) == 0 ? special : plain
                text.append(set.randomElement(using: &random) ?? "a")
            }
            let whole = String(text)
            let start = text.index(text.startIndex, offsetBy: Int.random(in: 0...length, using: &random))
            let end = text.index(
                start,
                offsetBy: Int.random(in: 0...text.distance(from: start, to: text.endIndex), using: &random)
            )
            for part in [whole[...], whole[start..<end]] {
                var (json, copy) = (JSONText(), JSONText())
                json.string(nil, part)
                copy.string(nil, String(part))
                #expect(json.bytes == Self.quoted(part) && copy.bytes == json.bytes, "\(Array(part.unicodeScalars))")
            }
        }
    }

    private static func quoted(_ text: Substring) -> [UInt8] {
        var written = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": written += "\\\""
            case "\\": written += "\\\\"
            case "\n": written += "\\n"
            case "\r": written += "\\r"
            case "\t": written += "\\t"
            case _
            where [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    written += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            case _: written.unicodeScalars.append(scalar)
            }
        }
        return Array((written + "\"").utf8)
    }

    @Test func `nesting puts commas where they belong`() {
        var json = JSONText()
        json.object { json in
            json.number("a", 1)
            json.array("b") { json in
                json.bool(nil, true)
                json.null()
                json.object { _ in }
                json.array { $0.number(nil, Int64.min) }
            }
            json.object("c") { $0.number("d", 0.5) }
            json.number("e", Double.infinity)
        }
        #expect(
            json.text
                == #"{"a":1,"b":[true,null,{},[-9223372036854775808]],"c":{"d":0.5},"e":null}"#
        )
    }
}

@Suite struct InjectionTemplateTests {
    private func template(_ text: String) throws -> Injection.Template {
        try Injection.Template(parsing: text, ownToken: TokenName(parsing: "coda"))
    }

    @Test func `placeholders and text are distinguished`() throws {
        let other = try TokenName(parsing: "other.one")
        let coda = try TokenName(parsing: "coda")
        #expect(try template("{token}").parts == [.token(coda)])
        #expect(try template("Bearer {token:other.one}").parts == [.literal("Bearer "), .token(other)])
        #expect(
            try template("{email}|{subject}|{principal}|").parts
                == [.email, .literal("|"), .subject, .literal("|"), .principal, .literal("|")]
        )
        #expect(try template("a}b").parts == [.literal("a}b")])
        #expect(try template("{token}{token:other.one}").tokens == [coda, other])
    }

    @Test(arguments: [
        "", "{", "a{token", "{}", "{Token}", "{ token }", "{token:}", "{token:a b}", "{{token}}", "a\r\nb", "a\u{0}",
        "{user}",
    ])
    func `any other template is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try template(text) }
    }
}

@Suite struct TokenTests {
    @Test(arguments: [
        "", " a", "a ", "a\nb", "a\r", "a\u{0}", "a\u{7F}", "é", "<hidden-by-infisical>",
        String(repeating: "a", count: 8193),
    ])
    func `a value that no header could carry is refused`(text: String) {
        let error = #expect(throws: InvalidValue.self) { try TokenValue(validating: Secret(text), version: 1) }
        // The value itself is not repeated.
        if text.utf8.count > 2, text != "<hidden-by-infisical>" { #expect(error?.message.contains(text) == false) }
    }

    @Test func `any other value is taken`() throws {
        for text in ["a", "a b", "~!\"{}", String(repeating: "a", count: 8192)] {
            #expect(try TokenValue(validating: Secret(text), version: 3).secret == Secret(text))
        }
    }

    @Test(arguments: ["", "-a", ".a", "_a", "a b", "é", "a/b", String(repeating: "a", count: 65)])
    func `token names are checked`(text: String) {
        #expect(throws: InvalidValue.self) { try TokenName(parsing: text) }
    }

    @Test func `secrets are not shown`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret == Secret("hunter2"))
        #expect(secret != Secret("hunter3"))
        #expect(secret != Secret("hunter"))
    }
}

@Suite struct SecretSourceTests {
    private func file(_ content: [UInt8], _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/gatehouse-secret-\(UUID().uuidString)"
        #expect(FileManager.default.createFile(atPath: path, contents: Data(content)))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test(arguments: [
        ("s3", "s3"), ("s3\n", "s3"), ("s3\r\n", "s3"), ("s3\n\n", "s3\n"), ("s3\r", "s3\r"), (" s3", " s3"),
    ])
    func `one line end is trimmed`(content: String, secret: String) throws {
        try file(Array(content.utf8)) { path in
            let read = try SecretSource.file(path).read()
            #expect(read == Secret(secret))
        }
    }

    @Test func `what cannot be read names the place only`() throws {
        try file([]) { path in
            let error = #expect(throws: InvalidValue.self) { try SecretSource.file(path).read() }
            #expect(error?.message.contains(path) == true)
        }
        try file(Array("\n".utf8)) { path in #expect(throws: InvalidValue.self) { try SecretSource.file(path).read() } }
        try file([UInt8](repeating: 0x61, count: SecretSource.maximumLength)) { path in
            let read = try SecretSource.file(path).read()
            #expect(read.count == SecretSource.maximumLength)
        }
        try file([UInt8](repeating: 0x61, count: SecretSource.maximumLength + 1)) { path in
            let error = #expect(throws: InvalidValue.self) { try SecretSource.file(path).read() }
            #expect(error?.message.contains("aaa") == false)
        }
        #expect(throws: InvalidValue.self) { try SecretSource.file("/nonexistent/x").read() }
        #expect(throws: InvalidValue.self) { try SecretSource.file("/").read() }
    }

    @Test func `variables are read`() throws {
        setenv("GATEHOUSE_TEST_SECRET_SET", "value", 1)
        setenv("GATEHOUSE_TEST_SECRET_EMPTY", "", 1)
        #expect(try SecretSource.environment("GATEHOUSE_TEST_SECRET_SET").read() == Secret("value"))
        for name in ["GATEHOUSE_TEST_SECRET_EMPTY", "GATEHOUSE_TEST_SECRET_UNSET"] {
            let error = #expect(throws: InvalidValue.self) { try SecretSource.environment(name).read() }
            #expect(error?.message.contains(name) == true)
        }
    }
}
