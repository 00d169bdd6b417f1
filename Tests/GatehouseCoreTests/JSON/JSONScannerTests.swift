import Testing

@testable import GatehouseCore

/// The fault of scanning bytes to their end; nil without one.
private func fault(_ text: String, depthLimit: Int = JSONScanner.maximumDepth) -> JSONFault.Code? {
    fault(Array(text.utf8), depthLimit: depthLimit)
}

private func fault(_ bytes: [UInt8], depthLimit: Int = JSONScanner.maximumDepth) -> JSONFault.Code? {
    bytes.withUnsafeBytes { bytes in
        do throws(JSONFault) {
            var scanner = try JSONScanner(bytes, depthLimit: depthLimit)
            try scanner.skipUnique()
            try scanner.finish()
            return nil
        } catch {
            return error.code
        }
    }
}

private func scanned<Value>(_ text: String, _ body: (inout JSONScanner) throws -> Value) throws -> Value {
    try Array(text.utf8).withUnsafeBytes { bytes in
        var scanner = try JSONScanner(bytes)
        return try body(&scanner)
    }
}

@Suite struct JSONScannerTests {
    @Test(arguments: [
        "{}", "[]", "0", "-0", "1.5e+7", "1E5", "true", "false", "null", #""""#, " \t\r\n{ } ",
        #"{"a":[1,2,{"b":null}],"c":"d"}"#, #"["\u0000\ud83d\ude00\/\"\\\b\f\n\r\t"]"#, "[[[[]]]]", #"{"":{"":0}}"#,
        #"{"a":1,"A":2,"a\u0000":3}"#, "\"\u{7F}\u{E9}\u{20AC}\u{1F600}\"",
    ])
    func `the scanner accepts strict JSON`(_ text: String) { #expect(fault(text) == nil) }

    @Test(
        arguments: [
            ("", .unexpected), (" ", .unexpected), ("{", .unexpected), ("}", .unexpected), ("[1,]", .unexpected),
            (#"{"a":1,}"#, .unexpected), ("[,1]", .unexpected), (#"{"a"}"#, .unexpected), (#"{"a":}"#, .unexpected),
            ("{a:1}", .unexpected), ("{'a':1}", .unexpected), ("[1 2]", .unexpected), ("[1}", .unexpected),
            ("{]", .unexpected),
            ("tru", .unexpected), ("True", .unexpected), ("nul", .unexpected), ("NaN", .unexpected),
            ("Infinity", .unexpected),
            ("/**/1", .unexpected), ("+1", .unexpected), (".5", .unexpected), ("01", .invalidNumber),
            ("1.", .invalidNumber),
            ("-", .invalidNumber), ("-a", .invalidNumber), ("1e", .invalidNumber), ("1e+", .invalidNumber),
            ("0x1", .invalidNumber),
            ("1.2.3", .invalidNumber), ("1_000", .invalidNumber), ("{} {}", .trailingBytes), ("1 x", .trailingBytes),
            ("{}\u{0}", .trailingBytes), (#""a"#, .unexpected), ("\"a\nb\"", .controlCharacter),
            ("\"\u{0}\"", .controlCharacter),
            (#""\x""#, .invalidEscape), (#""\u12"#, .invalidEscape), (#""\u12G4""#, .invalidEscape),
            (#""\"#, .unexpected),
            (#""\ud800""#, .invalidEscape), (#""\udc00""#, .invalidEscape), (#""\ud800\u0041""#, .invalidEscape),
            (#""\ud800\ud800""#, .invalidEscape), ("\u{FEFF}{}", .byteOrderMark),
            (#"{"a":1,"a":2}"#, .duplicateMember), (#"{"a":1,"\u0061":2}"#, .duplicateMember),
            (#"{"é":1,"\u00e9":2}"#, .duplicateMember), (#"{"\ud83d\ude00":1,"😀":2}"#, .duplicateMember),
            (#"[{"x":{"a":1,"b":2,"a":3}}]"#, .duplicateMember), (#"{"\/":1,"/":2}"#, .duplicateMember),
        ] as [(String, JSONFault.Code)]
    )
    func `the scanner refuses with the cause`(_ text: String, _ code: JSONFault.Code) { #expect(fault(text) == code) }

    @Test(
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82], [0xC3, 0x28], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]
    )
    func `the scanner refuses invalid UTF-8`(_ bytes: [UInt8]) {
        #expect(fault([0x22] + bytes + [0x22]) == .invalidUTF8)
        #expect(fault([0x22] + Array("sixteen bytes ok".utf8) + bytes + [0x22]) == .invalidUTF8)
        #expect(fault([0x22] + bytes) != nil)
    }

    @Test func `the scanner bounds the depth`() {
        func nested(_ count: Int) -> String {
            String(repeating: "[", count: count) + String(repeating: "]", count: count)
        }
        #expect(fault(nested(64)) == nil)
        #expect(fault(nested(65)) == .tooDeep)
        #expect(fault(nested(3), depthLimit: 3) == nil)
        #expect(fault(nested(4), depthLimit: 3) == .tooDeep)
        #expect(fault("1", depthLimit: 0) == nil)
        #expect(fault("{}", depthLimit: -1) == .tooDeep)
        #expect(fault(String(repeating: #"{"a":["#, count: 100_000)) == .tooDeep)
    }

    private static func unread(_ text: String) -> (fault: JSONFault.Code?, deepest: Int) {
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                let range = try scanner.skipUnread()
                try scanner.finish()
                return (range == 0..<bytes.count ? nil : .unexpected, scanner.deepest)
            } catch { return (error.code, 0) }
        }
    }

    @Test func `a value that is not read here may be nested to any depth, and is checked all the same`() {
        func nested(_ count: Int, _ inside: String = "", closing: String? = nil) -> String {
            (0..<count).map { $0 % 2 == 0 ? "[1," : #"{"a":"# }.joined() + (inside.isEmpty ? "null" : inside)
                + (0..<count).reversed().map { $0 % 2 == 0 ? "]" : "}" }.joined()
        }
        #expect(Self.unread(nested(64)) == (nil, 0))
        for count in [65, 66, 127, 128, 129, 512, 513, 5000] { #expect(Self.unread(nested(count)) == (nil, count)) }
        #expect(Self.unread(nested(100_000)) == (nil, 100_000))
        #expect(Self.unread(nested(200, #"{"a":[{},[],"x\u00e9",-1.5e3,true,false,null],"b":{"c":1}}"#)).fault == nil)
        for inside in [
            "", "[", "]", "{", "}", "[}", "{]", "[1,]", "[,1]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{1:2}", "[1 2]",
            "01", "nul", #""\x""#, #"["a":1]"#,
        ] {
            // The text that stands for nothing is replaced by a null.
            #expect((Self.unread(nested(200, inside)).fault != nil) == !inside.isEmpty, "\(inside)")
        }
        #expect(Self.unread(String(repeating: #"{"a":["#, count: 100_000)).fault == .unexpected)
    }

    @Test func `half a surrogate pair passes where nobody reads it`() throws {
        for text in [#""\ud800""#, #""\udc00x""#, #""\ud83d\ud83d\ude00""#, #"{"\ud800":["\udfff"]}"#] {
            #expect(Self.unread(text) == (nil, 0))
            #expect(fault(text) == .invalidEscape)
        }
        #expect(Self.unread(#""\ud83d\ude00""#) == (nil, 0))
        #expect(Self.unread(#""\ud80""#).fault == .invalidEscape)
        #expect(
            Self.unread(String(repeating: "[", count: 80) + #""\udead""# + String(repeating: "]", count: 80)) == (
                nil, 80
            )
        )
        try scanned(#"["\ud800",1]"#) { scanner in
            try scanner.beginArray()
            _ = try scanner.nextElement()
            #expect(throws: JSONFault.self) { try scanner.string() }
        }
    }

    @Test func `the scanner bounds the members of a checked object`() {
        func object(_ count: Int) -> String { "{" + (0..<count).map { #""k\#($0)":0"# }.joined(separator: ",") + "}" }
        #expect(fault(object(256)) == nil)
        #expect(fault(object(257)) == .tooManyMembers)
        #expect(fault(object(200).dropLast() + #","k199":1}"#) == .duplicateMember)
        #expect(fault(object(200).dropLast() + #","k3":1}"#) == .duplicateMember)
    }

    @Test func `the scanner reads the members of an object in order`() throws {
        let text = #" {"id": -12.50e3 ,"method":"tools\/call","params":{"name":"a","x":[1,2]},"t":true,"n":null} "#
        try scanned(text) { scanner in
            var names = JSONNames()
            try scanner.beginObject()
            #expect(try scanner.nextMember(unique: &names)?.text == "id")
            let number = try scanner.number()
            #expect(String(decoding: number.raw, as: UTF8.self) == "-12.50e3")
            #expect(number.integer == nil)
            #expect(try scanner.nextMember(unique: &names).map { $0 == "method" } == true)
            let method = try scanner.string()
            #expect(method == "tools/call")
            #expect(method.text == "tools/call")
            #expect(String(decoding: method.raw, as: UTF8.self) == #"tools\/call"#)
            #expect(try scanner.nextMember(unique: &names)?.text == "params")
            let params = try scanner.skip()
            #expect(String(decoding: scanner.bytes[params], as: UTF8.self) == #"{"name":"a","x":[1,2]}"#)
            #expect(try scanner.nextMember(unique: &names)?.text == "t")
            #expect(try scanner.bool())
            #expect(try scanner.nextMember(unique: &names)?.text == "n")
            try scanner.null()
            #expect(try scanner.nextMember(unique: &names) == nil)
            try scanner.finish()
        }
    }

    @Test(arguments: ["12", "-3.5", #""a\"b""#, "true", "false", "null", "[ ]", "[1,[2]]", "{ }", #"{"a":{}}"#])
    func `skip returns where the value stands`(_ value: String) throws {
        try scanned("[ \(value) , 1]") { scanner in
            try scanner.beginArray()
            #expect(try scanner.nextElement())
            let range = try scanner.skip()
            #expect(String(decoding: scanner.bytes[range], as: UTF8.self) == value)
            #expect(try scanner.nextElement())
        }
    }

    @Test func `calls that do not fit the value are refused and never trap`() throws {
        try scanned(#"{"a":1}"#) { scanner in
            #expect(throws: JSONFault.self) { try scanner.beginArray() }
            #expect(throws: JSONFault.self) { try scanner.nextElement() }
            #expect(throws: JSONFault.self) { try scanner.nextMember() }
            try scanner.beginObject()
            _ = try scanner.nextMember()
            #expect(throws: JSONFault.self) { try scanner.nextMember() }
            #expect(throws: JSONFault.self) { try scanner.string() }
            #expect(throws: JSONFault.self) { try scanner.finish() }
        }
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("99999999999999999999999", nil), ("1.0", nil), ("1e3", nil),
            ("1700000000", 1_700_000_000),
        ] as [(String, Int64?)]
    )
    func `the scanner reads integers exactly, or not at all`(_ text: String, _ value: Int64?) throws {
        #expect(try scanned(text) { try $0.number().integer } == value)
    }

    @Test(arguments: [
        (#""plain""#, false), (#""a\u0000""#, true), (#""a\n""#, true), ("\"\u{7F}\"", true), ("\"\u{85}\"", true),
        (#""\u009f""#, true), ("\"\u{A0}\u{E9}\u{20AC}\"", false), (#""\u00a0""#, false),
    ])
    func `the scanner finds control characters behind escapes`(_ text: String, _ has: Bool) throws {
        #expect(try scanned(text) { try $0.string().hasControlCharacters } == has)
    }

    @Test func `the scanner compares strings with escapes resolved`() throws {
        try scanned(#"["a\u00e9\ud83d\ude00","aé😀","aé","",""]"#) { scanner in
            try scanner.beginArray()
            var strings: [JSONString] = []
            while try scanner.nextElement() { strings.append(try scanner.string()) }
            #expect(strings[0].matches(strings[1]))
            #expect(strings[1].matches(strings[0]))
            #expect(!strings[0].matches(strings[2]))
            #expect(!strings[2].matches(strings[0]))
            #expect(strings[3].matches(strings[4]))
            #expect(strings[0].equals("aé😀"))
            #expect(!strings[0].equals("aé"))
            #expect(strings[0].text == "aé😀")
        }
    }

    /// Strings are read a word at a time, the last bytes of all in another way.
    @Test func `a string ends at its quote wherever that stands among the words`() throws {
        for length in 0...25 {
            for behind in 0...9 {
                let text = String(repeating: "x", count: length)
                let document = "\"\(text)\"" + String(repeating: " ", count: behind)
                #expect(try scanned(document) { try $0.string().text } == text)
                #expect(fault("\"\(text)") == .unexpected)
            }
        }
    }

    @Test(
        arguments: [
            (#"\n"#, nil), ("\u{1F}", .controlCharacter), ("\u{0}", .controlCharacter), ("é", nil),
            (#"\x"#, .invalidEscape),
        ] as [(String, JSONFault.Code?)]
    )
    func `what is not plain is found wherever it stands among the words`(_ special: String, _ code: JSONFault.Code?) {
        for before in 0...17 {
            for behind in 0...17 {
                let text = String(repeating: "x", count: before) + special + String(repeating: "y", count: behind)
                #expect(fault("\"\(text)\"") == code)
                #expect(fault("{\"\(text)\":[\"\(text)\"]}") == code)
            }
        }
    }

    @Test func `a member that stands twice is found among many and behind escapes`() {
        for count in [1, 2, 15, 16, 17, 40] {
            let members = (0..<count).map { #""a long name that ends in \#($0 + 100)":0"# }
            #expect(fault("{\(members.joined(separator: ","))}") == nil)
            for member in members {
                #expect(fault("{\((members + [member]).joined(separator: ","))}") == .duplicateMember)
                let escaped = member.replacing("a long", with: #"\u0061 long"#)
                #expect(fault("{\((members + [escaped]).joined(separator: ","))}") == .duplicateMember)
            }
        }
    }
}
